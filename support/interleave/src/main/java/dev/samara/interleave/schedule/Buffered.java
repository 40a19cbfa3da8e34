// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.schedule;

import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/** The methods that code instrumented for store buffers calls. */
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

    /** Performs a plain, opaque or release store. */
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
        // Adding a store to the thread's own buffer does not affect other threads.
        Access local =
                new Access(Access.Kind.NONE, write.base(), write.index(), write.field(), mode + " buffered", site);
        self.run0().reach(self, local, null, SteppedThread.NEVER, null);
        self.buffer.add(handle, arguments, write);
    }

    /** Performs a load in any mode. */
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

    /** Performs a full fence. */
    public static void fence(String site) {
        SteppedThread self = Steps.self();
        if (self != null && !self.buffer.isEmpty()) {
            self.run0().drain(self, site);
        }
    }

    /** Called before a plain access to a field that is also accessed through a VarHandle, or that is volatile. */
    public static void field(@Nullable Object base, String name) {
        SteppedThread self = Steps.self();
        if (self != null && !self.buffer.isEmpty()) {
            self.buffer.drainIfTo(base, -1, name);
        }
    }

    /** Called before a plain load of an array element. */
    public static void element(@Nullable Object array, int index) {
        SteppedThread self = Steps.self();
        if (self != null && !self.buffer.isEmpty()) {
            self.buffer.drainIfTo(array, index, null);
        }
    }

    /** Performs a plain store to an array element. */
    public static void storeElement(long[] array, int index, long value) {
        element(array, index);
        array[index] = value;
    }

    /** Performs a plain store to an array element. */
    public static void storeElement(int[] array, int index, int value) {
        element(array, index);
        array[index] = value;
    }

    /** Performs a plain store to an array element. */
    public static void storeElement(Object[] array, int index, @Nullable Object value) {
        element(array, index);
        array[index] = value;
    }
}
