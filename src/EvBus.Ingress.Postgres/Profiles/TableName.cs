using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace EvBus.Ingress.Postgres;

/// <summary>The name of a table as SQL reads it. Whatever is in it, <see cref="Sql"/> is two quoted identifiers at most, so nothing of it can be read as a statement.</summary>
internal sealed record TableName(string? Schema, string Name)
{
    /// <summary>PostgreSQL cuts what is longer, without an error.</summary>
    private const int MostBytes = 63;

    /// <summary>Quoted, for a statement.</summary>
    public string Sql => Schema is null ? Quote(Name) : $"{Quote(Schema)}.{Quote(Name)}";

    public static bool TryParse(string text, [NotNullWhen(true)] out TableName? name, [NotNullWhen(false)] out string? wrong)
    {
        name = null;
        var parts = new List<string>();
        var at = 0;
        while (true)
        {
            if (Part(text, ref at, out var trouble) is not { } part)
            {
                wrong = trouble ?? "";
                return false;
            }
            if (part.Length == 0 || part.Contains('\0') || Encoding.UTF8.GetByteCount(part) > MostBytes)
            {
                wrong = $"has a part that is empty, or longer than the {MostBytes} bytes that PostgreSQL has for a name.";
                return false;
            }
            parts.Add(part);
            if (at == text.Length)
                break;
            at++;
        }
        if (parts.Count > 2)
        {
            wrong = "has more than two parts. Write name or schema.name; the database has a key of its own.";
            return false;
        }
        name = parts.Count == 2 ? new TableName(parts[0], parts[1]) : new TableName(null, parts[0]);
        wrong = null;
        return true;
    }

    /// <returns>Null when <paramref name="wrong"/> says why.</returns>
    private static string? Part(string text, ref int at, out string? wrong)
    {
        var part = new StringBuilder();
        if (at < text.Length && text[at] == '"')
        {
            for (at++; at < text.Length; at++)
            {
                if (text[at] != '"')
                    part.Append(text[at]);
                else if (at + 1 < text.Length && text[at + 1] == '"')
                    part.Append(text[at++]);
                else
                    break;
            }
            wrong = at < text.Length ? null : "has a quote that is not closed.";
            at++;
        }
        else
        {
            // As PostgreSQL folds them; letters beyond ASCII stay as they are.
            for (; at < text.Length && (char.IsLetterOrDigit(text[at]) || text[at] is '_' or '$'); at++)
                part.Append(char.IsAsciiLetterUpper(text[at]) ? (char)(text[at] | 0x20) : text[at]);
            wrong = null;
        }
        if (wrong is null && at < text.Length && text[at] != '.')
            wrong = "is no name of a table. Write name or schema.name; what has other characters than letters, digits, _ and $ in double quotes: \"my-schema\".\"Events\".";
        return wrong is null ? part.ToString() : null;
    }

    private static string Quote(string part) => $"\"{part.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
}
