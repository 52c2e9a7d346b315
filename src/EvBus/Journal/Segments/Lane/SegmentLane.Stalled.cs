namespace EvBus.Journal;

// What its reader may know of why it gets nothing.
internal sealed partial class SegmentLane
{
    bool IJournalLane.IsHeldUp => IsTooFarAhead;
}
