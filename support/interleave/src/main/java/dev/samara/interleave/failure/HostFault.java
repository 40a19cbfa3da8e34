// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.failure;

import java.io.IOException;
import java.nio.channels.ClosedByInterruptException;
import java.util.EnumMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A fault of one call from the library to the host: the n-th call of a kind, over all files of a run. Also counts the
 * calls, so that a run without a fault determines how many calls there are. Thread-safe. Its code is not scheduled in
 * steps.
 */
public final class HostFault {
    /** The calls that the library makes to a host file's channel. It neither locks files nor transfers between them. */
    public enum HostCall {
        OPEN,
        READ,
        WRITE,
        FORCE,
        SIZE,
        TRUNCATE,
        CLOSE
    }

    /** The outcome of the call. */
    public enum Way {
        /** The call does nothing, and throws. The bytes that a failed force should have made durable are lost. */
        FAILS("Input/output error", true),
        /** The call does nothing, and throws because the device is full. */
        FULL("No space left on device", true),
        /** The call transfers half of the bytes, and returns that number. */
        SHORT("", false),
        /** The call does half or all of its work, and throws, like a JDK channel whose thread is interrupted. */
        CUT_OFF("", true),
        /** The calling thread is interrupted, but the call succeeds. */
        INTERRUPTED("", false);

        private final String text;
        private final boolean isThrown;

        Way(String text, boolean isThrown) {
            this.text = text;
            this.isThrown = isThrown;
        }

        /** Returns whether the call throws. */
        public boolean isThrown() {
            return isThrown;
        }

        /** Returns whether a call of this kind can have this outcome. */
        public boolean isOf(HostCall call) {
            boolean isTransfer = call == HostCall.READ || call == HostCall.WRITE;
            return switch (this) {
                case FAILS, INTERRUPTED -> true;
                case FULL -> call == HostCall.WRITE || call == HostCall.FORCE;
                case SHORT -> isTransfer;
                case CUT_OFF -> isTransfer || call == HostCall.TRUNCATE || call == HostCall.FORCE;
            };
        }

        /** Creates the exception that the call throws. */
        public IOException failure() {
            return this == CUT_OFF ? new ClosedByInterruptException() : new IOException(text);
        }
    }

    private final HostCall call;
    private final int number;
    private final Way way;
    private final Map<HostCall, Integer> counts = new EnumMap<>(HostCall.class);
    private @Nullable String met;
    private @Nullable Thread by;

    /**
     * Creates a fault.
     *
     * @param number the number of the call among all calls of its kind, from 1; 0 for no fault
     */
    public HostFault(HostCall call, int number, Way way) {
        this.call = call;
        this.number = number;
        this.way = way;
    }

    /** Returns an object without a fault, which only counts calls. */
    public static HostFault none() {
        return new HostFault(HostCall.OPEN, 0, Way.FAILS);
    }

    /** Returns whether this object only counts calls. */
    public boolean isNone() {
        return number == 0;
    }

    /** Parses the text form, such as {@code WRITE:2:SHORT}. */
    public static HostFault parse(String text) {
        String[] parts = text.split(":", -1);
        return new HostFault(HostCall.valueOf(parts[0]), Integer.parseInt(parts[1]), Way.valueOf(parts[2]));
    }

    /**
     * Counts a call before it is made.
     *
     * @param file the name of the file
     * @param isLong whether the call transfers at least two bytes, and so can be short
     * @return the outcome of the call, or null if it simply succeeds
     */
    public synchronized @Nullable Way reach(HostCall made, String file, boolean isLong) {
        int count = counts.merge(made, 1, Integer::sum);
        if (made != call || count != number || (way == Way.SHORT && !isLong)) {
            return null;
        }
        met = file;
        by = Thread.currentThread();
        return way;
    }

    /** Returns the name of the file at which the fault occurred, or null if it did not occur. */
    public synchronized @Nullable String met() {
        return met;
    }

    /** Returns whether the fault occurred in a call from the calling thread. */
    public synchronized boolean isMetHere() {
        return by == Thread.currentThread();
    }

    /** Returns the number of calls of a kind so far. */
    public synchronized int count(HostCall of) {
        return counts.getOrDefault(of, 0);
    }

    public HostCall call() {
        return call;
    }

    public Way way() {
        return way;
    }

    @Override
    public String toString() {
        return isNone() ? "no fault" : call + ":" + number + ":" + way;
    }
}
