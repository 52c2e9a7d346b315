using System.Net;

namespace EvBus.Ingress.Http;

/// <summary>What an answer that is no success means where nothing special is known of it. The table is in the README.</summary>
internal static class HttpVerdicts
{
    private static readonly TimeSpan s_mostPatience = TimeSpan.FromHours(1);

    /// <summary>The verdict for a status.</summary>
    /// <param name="code">The status.</param>
    /// <param name="reason">It in words.</param>
    /// <param name="response">The answer, for how long it asks to be left alone.</param>
    /// <param name="time">The clock.</param>
    public static PublishResult Of(int code, string reason, HttpResponseMessage response, TimeProvider time) => code switch
    {
        // In a moment it may be another answer, and the event has nothing to do with it.
        408 or 423 or 425 or 429 or 503 => PublishResult.Retry(reason, RetryAfter(response, time)),
        407 => PublishResult.Disconnected($"{reason} The proxy wants credentials: proxy_username and proxy_password of the profile, or those in HTTP_PROXY or HTTPS_PROXY."),
        < 400 => PublishResult.Disconnected($"{reason} It leads elsewhere: set url to where it leads, which is not followed."),
        // Every event goes to the one url, so none of them is at fault.
        404 or 405 or 410 or 421 => PublishResult.Disconnected($"{reason} Nothing takes events at that url: correct url or method of the profile, or wait until the destination is there again."),
        402 or 426 => PublishResult.Disconnected(reason),
        417 => PublishResult.Disconnected($"{reason} It does not understand Expect: 100-continue."),
        < 500 => PublishResult.Rejected(reason),
        _ => PublishResult.Disconnected(reason),
    };

    /// <summary>Whether it refuses who is asking.</summary>
    public static bool IsOfCredentials(HttpStatusCode code) => code is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden;

    /// <summary>How long an answer asks to be left alone, an hour at most; null when it does not, or nobody can read it.</summary>
    public static TimeSpan? RetryAfter(HttpResponseMessage response, TimeProvider time)
    {
        var asked = response.Headers.RetryAfter;
        var after = asked?.Delta ?? (asked?.Date is { } date ? date - time.GetUtcNow() : null);
        return after is null ? null : TimeSpan.FromTicks(Math.Clamp(after.Value.Ticks, 0, s_mostPatience.Ticks));
    }
}
