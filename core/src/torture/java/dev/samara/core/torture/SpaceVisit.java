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
     * The visits of one actor.
     *
     * @param number as whose pages the accesses are recorded; no two spaces of a number have a page in common
     */
    SpaceVisit(TortureMachine setup, long number) {
        this(setup, number, setup::cpu);
    }

    /** The visits of an actor with another CPU than the thread has on this machine. */
    SpaceVisit(TortureMachine setup, long number, Supplier<Cpu> cpus) {
        this.setup = setup;
        this.number = number;
        this.cpus = cpus;
    }

    Cpu cpu() {
        return cpus.get();
    }

    /** Takes the CPU to a space; returns whether it is there, which only a closed reference refuses. */
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

    /** What the last load has read. */
    long value() {
        return cpu().memory().value();
    }

    /** Returns whether an access is refused, since the CPU is in no space. */
    boolean isRefused(long address) {
        try {
            setup.done(cpu().memory().load(address, Long.BYTES));
            return false;
        } catch (IllegalStateException refused) {
            if (!String.valueOf(refused.getMessage()).startsWith(cpu().toString())) {
                // Not of the CPU's state.
                throw refused;
            }
            setup.events.count("accesses refused without a space");
            return true;
        }
    }

    /** Returns the result of a load and what it has read, as text. */
    String say(int result) {
        return result == Fault.NONE ? TortureMachine.say(value()) : Fault.toString(result);
    }
}
