namespace EvBus.Benchmarks;

/// <summary>How sure a median is, whatever the distribution.</summary>
internal static class Interval
{
    /// <summary>
    /// The lower end of the 95 % interval of the median. Between two order statistics, since none of eleven has exactly 95 % (the second has 98.8,
    /// the third 93.5): the interpolation of Hettmansperger and Sheather, 1986. The lowest value where there are too few.
    /// </summary>
    /// <param name="sorted">The values, ascending.</param>
    public static double LowerEnd(IReadOnlyList<double> sorted)
    {
        var n = sorted.Count;
        if (Coverage(n, 1) < 0.95)
            return sorted[0];
        var k = 1;
        while (Coverage(n, k + 1) >= 0.95)
            k++;
        var part = (Coverage(n, k) - 0.95) / (Coverage(n, k) - Coverage(n, k + 1));
        var weight = (n - k) * part / (k + ((n - (2 * k)) * part));
        return ((1 - weight) * sorted[k - 1]) + (weight * sorted[k]);
    }

    /// <summary>How probably the median lies between the k-th value and the k-th from above.</summary>
    private static double Coverage(int n, int k)
    {
        var (term, below) = (1.0, 0.0);
        for (var i = 0; i < k; i++)
        {
            below += term;
            term = term * (n - i) / (i + 1);
        }
        return 1 - (2 * below / Math.Pow(2, n));
    }
}
