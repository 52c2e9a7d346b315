namespace Greeting;

/// <summary>A library of which two plugins have two versions.</summary>
public static class Text
{
    public static string Hello => "hello from Greeting 1";
}
