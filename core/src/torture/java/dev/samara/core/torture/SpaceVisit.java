// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.torture;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MmException;
import java.util.function.Supplier;

/**
 * The accesses of the calling thread's CPU to its current space, however it entered the space. Unlike the accesses of a
 * {@link TortureMachine.View}, they never switch the CPU to a space. Used by one actor.
 */
final class SpaceVisit {
    private final TortureMachine setup;
    private final long number;
    private final Supplier<Cpu> cpus;

    /**
     * Creates the visits of one actor.
     *
     * @param number the number under which the accesses are recorded; no two spaces with the same number share an
     *     address
     */
    SpaceVisit(TortureMachine setup, long number) {
        this(setup, number, setup::cpu);
    }

    /** Creates the visits of an actor that uses other CPUs than its thread's CPU on this machine. */
    SpaceVisit(TortureMachine setup, long number, Supplier<Cpu> cpus) {
        this.setup = setup;
        this.number = number;
        this.cpus = cpus;
    }

    Cpu cpu() {
        return cpus.get();
    }

    /**
     * Switches the CPU to a space. Returns false if the reference is closed, which is the only valid reason for a
     * refusal.
     */
    boolean goesTo(AddressSpace space) {
        try {
            cpu().switchTo(space);
            return true;
        } catch (MmException refused) {
            if (refused.errno() != Errno.ESRCH) {
                throw refused;
            }
            return false;
        }
    }

    private Cpu towards(long address) {
        setup.frames().towards((number << 36) | (address >>> 12));
        return cpu();
    }

    int load(long address) {
        return setup.done(towards(address).memory().load(address, Long.BYTES));
    }

    int store(long address, long value) {
        return setup.done(towards(address).memory().store(address, Long.BYTES, value));
    }

    /** Returns the value that the last load read. */
    long value() {
        return cpu().memory().value();
    }

    /** Returns whether an access is refused because the CPU is in no space. */
    boolean isRefused(long address) {
        try {
            setup.done(cpu().memory().load(address, Long.BYTES));
            return false;
        } catch (IllegalStateException refused) {
            if (!String.valueOf(refused.getMessage()).startsWith(cpu().toString())) {
                // The exception is not about the CPU's state.
                throw refused;
            }
            setup.events.count("accesses refused without a space");
            return true;
        }
    }

    /** Returns the result of a load, and the value that it read, as text. */
    String say(int result) {
        return result == Fault.NONE ? TortureMachine.say(value()) : Fault.toString(result);
    }
}
