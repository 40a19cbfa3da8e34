// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.file;

import dev.samara.core.mman.Fault;
import dev.samara.testing.live.ErrorNames;

/**
 * The outcome of a step.
 *
 * @param result the result of the call; an error is a negative number, and a fault is encoded by {@link #fault}
 * @param seen a hash of the bytes read, the loaded value, or the address of the fault; otherwise 0
 */
record Outcome(long result, long seen) {
    private static final long FAULT = -100_000;
    private static final int SIGBUS = 7;

    static Outcome of(long result) {
        return new Outcome(result, 0);
    }

    static Outcome fault(int signal, int code, long address) {
        return new Outcome(FAULT - signal * 10L - code, address);
    }

    /** Returns the outcome of an access that faulted in the library. */
    static Outcome fault(Fault fault) {
        return switch (fault.kind()) {
            case Fault.MAPERR -> fault(11, 1, fault.address());
            case Fault.ACCERR -> fault(11, 2, fault.address());
            case Fault.ADRERR -> fault(SIGBUS, 2, fault.address());
            default -> fault(99, fault.kind(), fault.address());
        };
    }

    boolean isFault() {
        return result <= FAULT;
    }

    boolean isError() {
        return result < 0;
    }

    /** Returns the name of the error or fault, for the tally. */
    String error() {
        if (isFault()) {
            long number = FAULT - result;
            return (number / 10 == SIGBUS ? "BUS" : number / 10 == 11 ? "SEGV" : "FAULT") + number % 10;
        }
        return result < 0 && result > -4096 ? ErrorNames.of(result) : "ok";
    }

    @Override
    public String toString() {
        return isError()
                ? error() + (isFault() ? " at " + Long.toHexString(seen) : "")
                : result + (seen == 0 ? "" : " with " + Long.toHexString(seen));
    }
}
