// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.failure;

import java.io.IOException;
import java.nio.channels.ClosedByInterruptException;
import java.util.EnumMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * One call of the library to the host that does not simply succeed: the n-th of a kind, over all files of a run. Counts
 * the calls, so that a run without a fault finds out how many there are. Thread-safe, and makes no steps.
 */
public final class HostFault {
    /** The calls that the library makes to a channel of the host. It locks no file, and transfers between none. */
    public enum HostCall {
        OPEN,
        READ,
        WRITE,
        FORCE,
        SIZE,
        TRUNCATE,
        CLOSE
    }

    /** What becomes of the call. */
    public enum Way {
        /** It does nothing, and throws. The bytes that a failed force was to make durable are lost. */
        FAILS("Input/output error", true),
        /** It does nothing, since the device is full. */
        FULL("No space left on device", true),
        /** It transfers half of the bytes, and says so. */
        SHORT("", false),
        /** It does a half or all of its work, and throws, as a channel of the JDK does whose thread is interrupted. */
        CUT_OFF("", true),
        /** Its thread is interrupted, and it succeeds. */
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

        /** Returns whether a call can end so. */
        public boolean isOf(HostCall call) {
            boolean isTransfer = call == HostCall.READ || call == HostCall.WRITE;
            return switch (this) {
                case FAILS, INTERRUPTED -> true;
                case FULL -> call == HostCall.WRITE || call == HostCall.FORCE;
                case SHORT -> isTransfer;
                case CUT_OFF -> isTransfer || call == HostCall.TRUNCATE || call == HostCall.FORCE;
            };
        }

        /** Makes what the call throws. */
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
     * Makes a fault.
     *
     * @param number the number of the call among those of its kind, from 1; 0 for none
     */
    public HostFault(HostCall call, int number, Way way) {
        this.call = call;
        this.number = number;
        this.way = way;
    }

    /** Makes what counts calls only. */
    public static HostFault none() {
        return new HostFault(HostCall.OPEN, 0, Way.FAILS);
    }

    /** Returns whether it is the fault of no call. */
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
     * @param file the file, by name
     * @param isLong whether the call can be short: it transfers two bytes or more
     * @return what becomes of it; null if it simply succeeds
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

    /** Returns the name of the file whose call has met the fault; null if none has. */
    public synchronized @Nullable String met() {
        return met;
    }

    /** Returns whether the calling thread has met the fault. */
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
