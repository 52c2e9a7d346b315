using EvBus.Tools.Acct;

return await AcctTool.RunAsync(args, new ToolConsole(Console.In, StandardStreams.OpenOutput(), StandardStreams.OpenError(), Environment.GetEnvironmentVariable, !Console.IsInputRedirected));
