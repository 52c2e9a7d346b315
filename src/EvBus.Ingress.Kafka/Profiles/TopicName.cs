using System.Buffers;

namespace EvBus.Ingress.Kafka;

/// <summary>What Kafka takes for the name of a topic.</summary>
internal static class TopicName
{
    private static readonly SearchValues<char> s_legal = SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");

    /// <summary>Why it is none; null when it is one.</summary>
    public static string? Wrong(string name) =>
        name.Length is < 1 or > 249 || name is "." or ".." || name.AsSpan().ContainsAnyExcept(s_legal)
            ? "is no name of a topic: 1 to 249 letters, digits, '.', '_' and '-'"
            : null;
}
