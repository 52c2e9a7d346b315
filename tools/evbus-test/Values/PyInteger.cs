namespace EvBus.Tools.Tester.Values;

/// <summary>A whole number beyond 64 bits, as its digits: Python's integers have no bound, and nobody calculates here.</summary>
internal sealed record PyInteger(string Digits)
{
    public override string ToString() => Digits;
}
