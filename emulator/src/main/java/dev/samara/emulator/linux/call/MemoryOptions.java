// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.call;

import dev.samara.core.AddressSpace;
import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.process.GuestThread;

/** The options of {@code prctl} that concern the memory of the process ({@code kernel/sys.c}). */
final class MemoryOptions {
    private static final int SET_MDWE = 65;
    private static final int GET_MDWE = 66;

    /** Names memory, which may split mappings. */
    static final int SET_VMA = 0x5356_4d41;

    private static final long ANON_NAME = 0;

    /** The maximum size of a name in bytes, including its terminating null ({@code ANON_VMA_NAME_MAX_LEN}). */
    private static final int NAME_BYTES = 80;

    private final GuestThread thread;

    MemoryOptions(GuestThread thread) {
        this.thread = thread;
    }

    private AddressSpace space() {
        return thread.process().memory().space();
    }

    /** Executes an option. Returns EINVAL for an option that is not one of this class. */
    long control(int option, long first, long second, long third, long fourth) {
        switch (option) {
            case SET_MDWE -> {
                return second == 0 && third == 0 && fourth == 0 ? space().setMdwe(first) : LinuxErrno.EINVAL;
            }
            case GET_MDWE -> {
                boolean isAlone = first == 0 && second == 0 && third == 0 && fourth == 0;
                return isAlone ? space().mdwe() : LinuxErrno.EINVAL;
            }
            case SET_VMA -> {
                return first == ANON_NAME ? setName(second, third, fourth) : LinuxErrno.EINVAL;
            }
            default -> {
                return LinuxErrno.EINVAL;
            }
        }
    }

    private long setName(long start, long length, long name) {
        // If the name is too long, the string ends with a null character, which no name may contain.
        return space().setAnonymousName(
                        start, length, name == 0 ? null : thread.memory().string(name, NAME_BYTES));
    }
}
