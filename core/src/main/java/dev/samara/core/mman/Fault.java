// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.mman;

/**
 * The reason why an access failed ({@code vm_fault_t}, and the resulting {@code siginfo_t}).
 *
 * <p>An access returns one of this class's constants, so no access has to throw or allocate. {@link #NONE} is success,
 * even after I/O; the other constants are reasons for a failure. A record of this class describes one failed access in
 * full, and is created only by {@link dev.samara.core.guest.GuestMemory#lastFault}.
 *
 * <p>Most reasons result in a signal to the guest. Two reasons are not caused by the guest, and never count as success:
 *
 * <ul>
 *   <li>{@link #OUT_OF_MEMORY}: the embedder should free memory and retry the access, or kill a guest process, as Linux
 *       does with SIGKILL.
 *   <li>{@link #RETRY}: the machine is freeing memory, or a {@linkplain dev.samara.core.vma.Backing#fault backing}
 *       returned this. The embedder should retry the access; the guest does not notice it.
 * </ul>
 *
 * <p>An interrupt never makes an access fail. An access that waits continues to wait, and the interrupt flag is still
 * set when it returns.
 *
 * @param kind the reason, one of the numbers of this class but not {@link #NONE}
 * @param address the address at which the access failed, {@code si_addr}; for an access that crosses a page boundary,
 *     an address in the page that failed
 * @param access {@code PROT_*} bits of {@link Mman}: EXEC for a fetch, WRITE for a store or an atomic update, READ for
 *     a load. An atomic update also needs the right to read
 * @param size the size of the access in bytes; for a copy, the bytes within one page; 0 if the call names a page, not
 *     bytes
 */
public record Fault(int kind, long address, int access, int size) {
    /** No fault: the access succeeded. */
    public static final int NONE = 0;

    /** SIGSEGV, {@code SEGV_MAPERR}: nothing is mapped at the address, or its page has a guard marker. */
    public static final int MAPERR = 1;

    /** SIGSEGV, {@code SEGV_ACCERR}: the mapping does not allow the access. */
    public static final int ACCERR = 2;

    /**
     * SIGBUS, {@code BUS_ADRERR}: the mapping has no page there, or the page could not be fetched, or the space was
     * {@linkplain dev.samara.core.PageTableRef#reap reaped}.
     */
    public static final int ADRERR = 3;

    /** SIGBUS, {@code BUS_ADRALN}: an atomic access that is not aligned. */
    public static final int ADRALN = 4;

    /** There is no memory left; nothing has changed. */
    public static final int OUT_OF_MEMORY = 5;

    /**
     * Memory ran out, and the machine is {@linkplain dev.samara.core.MachineBuilder#lowMemory reclaiming} memory from a
     * space; or a {@linkplain dev.samara.core.vma.Backing#fault backing} returned this. Nothing has changed.
     */
    public static final int RETRY = 6;

    private static final String[] NAMES = {
        "NONE", "SEGV_MAPERR", "SEGV_ACCERR", "BUS_ADRERR", "BUS_ADRALN", "OUT_OF_MEMORY", "RETRY"
    };

    private static final int SIGBUS = 7;
    private static final int SIGKILL = 9;
    private static final int SIGSEGV = 11;

    private static final int SI_KERNEL = 0x80;

    /**
     * Describes a failed access.
     *
     * @param kind the reason
     * @param address the address at which it failed
     * @param access {@code PROT_*} bits of {@link Mman}
     * @param size bytes, or 0
     * @throws IllegalArgumentException if {@code kind} is NONE, or not a constant of this class
     */
    public Fault {
        if (kind <= NONE || kind > RETRY) {
            throw new IllegalArgumentException("kind " + kind + " is not from " + MAPERR + " to " + RETRY);
        }
    }

    /**
     * Returns the number of the signal that Linux would send.
     *
     * @param fault a constant of this class
     * @return 11 for SIGSEGV, 7 for SIGBUS, 9 for SIGKILL if there is no memory left, 0 for NONE
     * @throws IllegalArgumentException for RETRY, which sends no signal, and for a number that is not a constant of
     *     this class
     */
    public static int signal(int fault) {
        return switch (fault) {
            case NONE -> 0;
            case MAPERR, ACCERR -> SIGSEGV;
            case ADRERR, ADRALN -> SIGBUS;
            case OUT_OF_MEMORY -> SIGKILL;
            default -> throw hasNoSignal(fault);
        };
    }

    /**
     * Returns the {@code si_code} of the signal that Linux would send.
     *
     * @param fault a constant of this class
     * @return {@code SEGV_MAPERR} and {@code BUS_ADRALN} are 1, {@code SEGV_ACCERR} and {@code BUS_ADRERR} are 2,
     *     {@code SI_KERNEL}, if there is no memory left, is 128; 0 for NONE
     * @throws IllegalArgumentException for RETRY, and for a number that is not a constant of this class
     */
    public static int siCode(int fault) {
        return switch (fault) {
            case NONE -> 0;
            case MAPERR, ADRALN -> 1;
            case ACCERR, ADRERR -> 2;
            case OUT_OF_MEMORY -> SI_KERNEL;
            default -> throw hasNoSignal(fault);
        };
    }

    private static IllegalArgumentException hasNoSignal(int fault) {
        return new IllegalArgumentException(
                toString(fault) + (fault == RETRY ? " is no signal: the access is to be repeated" : " is unknown"));
    }

    /**
     * Returns the number of the signal that Linux would send, as {@link #signal(int)} does.
     *
     * @return the number
     * @throws IllegalArgumentException for RETRY
     */
    public int signal() {
        return signal(kind);
    }

    /**
     * Returns the {@code si_code} of that signal, as {@link #siCode(int)} does.
     *
     * @return the code
     * @throws IllegalArgumentException for RETRY
     */
    public int siCode() {
        return siCode(kind);
    }

    /**
     * Returns the name of a fault, for messages: for a signal's reason, the name of its {@code si_code}.
     *
     * @param fault a constant of this class
     * @return its name, such as {@code BUS_ADRERR} for {@link #ADRERR}, or {@code fault} with the number if there is no
     *     such constant
     */
    public static String toString(int fault) {
        return fault >= 0 && fault < NAMES.length ? NAMES[fault] : "fault " + fault;
    }

    /** Returns a line in the style of a kernel log: {@code SEGV_ACCERR at 0x7f0000001000, write of 8 bytes}. */
    @Override
    public String toString() {
        String verb = (access & Mman.WRITE) != 0 ? "write" : (access & Mman.EXEC) != 0 ? "fetch" : "read";
        String extent = size == 0 ? "" : size == 1 ? " of 1 byte" : " of " + size + " bytes";
        return toString(kind) + " at 0x" + Long.toHexString(address) + ", " + verb + extent;
    }
}
