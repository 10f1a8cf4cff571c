package darktrace

// TryLock is what another program does with the lock of a FileCheckpoint.
var TryLock = tryLock
