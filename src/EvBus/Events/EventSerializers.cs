namespace EvBus;

internal static class EventSerializers
{
    public static T? Read<T>(BusEvent evt) => throw new NotImplementedException();
}
