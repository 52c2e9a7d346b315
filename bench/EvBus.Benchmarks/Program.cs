using System.Globalization;
using EvBus.Benchmarks;

// dotnet run -c Release --project bench/EvBus.Benchmarks -- limits [--json] [--quick] [CASE...]
// dotnet run -c Release --project bench/EvBus.Benchmarks -- kafka [--quick] [--parts]
// dotnet run -c Release --project bench/EvBus.Benchmarks -- rabbitmq [--json] [--quick]
// dotnet run -c Release --project bench/EvBus.Benchmarks -- brokers [--json] [--quick] [CASE...]
// dotnet run -c Release --project bench/EvBus.Benchmarks -- http [--json] [--quick] [CASE...]
// dotnet run -c Release --project bench/EvBus.Benchmarks -- postgres [--json] [--quick]
if (args is ["kafka", ..])
    return await KafkaRun.MainAsync(args[1..]);
if (args is ["rabbitmq", ..])
    return await RabbitMqCases.RunAsync(args.Contains("--quick") ? 3 : 11, args.Contains("--json"));
if (args is ["brokers", ..])
    return await BrokerCases.MainAsync(args[1..]);
if (args is ["http", ..])
    return await HttpCases.RunAsync(args.Contains("--quick") ? 3 : 11, args.Contains("--json"), args[1..]);
if (args is ["postgres", ..])
    return await PostgresCase.RunAsync(args.Contains("--quick") ? 3 : 11, args.Contains("--json"));
if (args is not ["limits", ..])
{
    Console.Error.WriteLine("Usage: kafka [--quick] [--parts] | rabbitmq [--json] [--quick] | brokers [--json] [--quick] [CASE...] | http [--json] [--quick] [CASE...] | postgres [--json] [--quick] | limits [--json] [--quick] [CASE...]    cases: " + string.Join(", ", Limits.Names));
    return 2;
}
var json = args.Contains("--json");
var pairs = args.Contains("--quick") ? 3 : 11;
var wanted = args.Skip(1).Where(arg => !arg.StartsWith('-')).ToArray();
if (Array.Find(wanted, name => !Limits.Names.Contains(name)) is { } unknown)
{
    Console.Error.WriteLine($"There is no case '{unknown}'. There are: {string.Join(", ", Limits.Names)}.");
    return 2;
}
foreach (var row in Limits.Run(wanted, pairs))
{
    Console.WriteLine(json
        ? row.ToJson()
        : string.Create(CultureInfo.InvariantCulture, $"{row.Case,-24} ours {row.Ours,12:N1} raw {row.Raw,12:N1} ratio {row.Ratio,6:N2} ({row.Lowest:N2}..{row.Highest:N2}) {row.BytesPerEvent,6:N1} B/event  {row.Unit}"));
}
return 0;
