// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.schedule;

import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/** The entry of code that is instrumented for store buffers. */
public final class Buffered {
    private Buffered() {}

    private static boolean isBuffered(@Nullable SteppedThread self, VarHandle handle) {
        return self != null
                && self.run0().isBranching()
                && !handle.coordinateTypes().contains(java.nio.ByteBuffer.class)
                && !handle.coordinateTypes().contains(byte[].class);
    }

    private static Access access(
            Access.Kind kind, VarHandle handle, Object[] arguments, int coordinates, String mode, String site) {
        Object base = coordinates > 0 ? arguments[0] : null;
        int index = coordinates > 1 && arguments[1] instanceof Integer at ? at : -1;
        return Steps.access(kind, handle, base, index, mode, site);
    }

    /** A plain, opaque or release store. */
    public static void store(VarHandle handle, Object[] arguments, String mode, String site) {
        SteppedThread self = Steps.self();
        if (self == null || !isBuffered(self, handle)) {
            if (self != null) {
                Access access = access(Access.Kind.WRITE, handle, arguments, arguments.length - 1, mode, site);
                self.run0().reach(self, access, null, SteppedThread.NEVER, null);
            }
            Steps.invoke(handle, VarHandle.AccessMode.SET, arguments);
            return;
        }
        Access write = access(Access.Kind.WRITE, handle, arguments, arguments.length - 1, mode, site);
        // To put a store into the buffer concerns no other thread.
        Access local =
                new Access(Access.Kind.NONE, write.base(), write.index(), write.field(), mode + " buffered", site);
        self.run0().reach(self, local, null, SteppedThread.NEVER, null);
        self.buffer.add(handle, arguments, write);
    }

    /** A load in any mode. */
    public static @Nullable Object load(VarHandle handle, Object[] coordinates, String mode, String site) {
        SteppedThread self = Steps.self();
        if (self != null) {
            Access access = access(Access.Kind.READ, handle, coordinates, coordinates.length, mode, site);
            self.run0().reach(self, access, null, SteppedThread.NEVER, null);
            Object[] own = self.buffer.youngest(handle, coordinates);
            if (own != null) {
                return own[0];
            }
        }
        return Steps.invoke(handle, VarHandle.AccessMode.GET, coordinates);
    }

    /** A full fence. */
    public static void fence(String site) {
        SteppedThread self = Steps.self();
        if (self != null && !self.buffer.isEmpty()) {
            self.run0().drain(self, site);
        }
    }

    /** Comes before a plain access to a field that is also accessed through a handle, or that is volatile. */
    public static void field(@Nullable Object base, String name) {
        SteppedThread self = Steps.self();
        if (self != null && !self.buffer.isEmpty()) {
            self.buffer.drainIfTo(base, -1, name);
        }
    }

    /** Comes before a plain load of an element. */
    public static void element(@Nullable Object array, int index) {
        SteppedThread self = Steps.self();
        if (self != null && !self.buffer.isEmpty()) {
            self.buffer.drainIfTo(array, index, null);
        }
    }

    /** A plain store to an element. */
    public static void storeElement(long[] array, int index, long value) {
        element(array, index);
        array[index] = value;
    }

    /** A plain store to an element. */
    public static void storeElement(int[] array, int index, int value) {
        element(array, index);
        array[index] = value;
    }

    /** A plain store to an element. */
    public static void storeElement(Object[] array, int index, @Nullable Object value) {
        element(array, index);
        array[index] = value;
    }
}
