// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.mman;

/**
 * The result of a page fault or of an access ({@code vm_fault_t} and the signals that follow from it). It is a number,
 * so that nothing has to be thrown or allocated.
 */
public final class Fault {
    /** Done, without I/O; also the result of every successful access. */
    public static final int MINOR = 0;

    /** Done, after I/O. */
    public static final int MAJOR = 1;

    /** The thread was interrupted while it had to wait; its interrupt flag is still set. */
    public static final int RETRY = 2;

    /** SIGSEGV, {@code SEGV_MAPERR}: no mapping is there, or a guard is. */
    public static final int MAPERR = 3;

    /** SIGSEGV, {@code SEGV_ACCERR}: the mapping does not allow the access. */
    public static final int ACCERR = 4;

    /** SIGBUS, {@code BUS_ADRERR}: the mapping has no page there, or the page could not be fetched. */
    public static final int ADRERR = 5;

    /** SIGBUS, {@code BUS_ADRALN}: an atomic access that is not aligned. */
    public static final int ADRALN = 6;

    /** There is no memory left; nothing has changed. */
    public static final int OOM = 7;

    private static final String[] NAMES = {
        "MINOR", "MAJOR", "RETRY", "SEGV_MAPERR", "SEGV_ACCERR", "BUS_ADRERR", "BUS_ADRALN", "OOM"
    };

    private static final int SIGBUS = 7;
    private static final int SIGSEGV = 11;

    private Fault() {}

    /**
     * Returns whether an access may continue.
     *
     * @param fault a constant of this class
     * @return true for MINOR and MAJOR
     */
    public static boolean isDone(int fault) {
        return fault == MINOR || fault == MAJOR;
    }

    /**
     * Returns the number of the signal that Linux would send.
     *
     * @param fault a constant of this class
     * @return 11 for SIGSEGV, 7 for SIGBUS, 0 for none
     */
    public static int signal(int fault) {
        return switch (fault) {
            case MAPERR, ACCERR -> SIGSEGV;
            case ADRERR, ADRALN -> SIGBUS;
            default -> 0;
        };
    }

    /**
     * Returns the name of a fault, for people.
     *
     * @param fault a constant of this class
     * @return its name, or {@code fault} with the number if there is no such constant
     */
    public static String toString(int fault) {
        return fault >= 0 && fault < NAMES.length ? NAMES[fault] : "fault " + fault;
    }
}
