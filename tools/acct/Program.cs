using EvBus.Tools.Acct;

return await AcctTool.RunAsync(args, new ToolConsole(Console.In, Console.Out, Console.Error, Environment.GetEnvironmentVariable, !Console.IsInputRedirected));
