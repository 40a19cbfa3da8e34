// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.vcpu;

import dev.samara.core.internal.cpu.IdleCpus;
import dev.samara.core.internal.space.IdleUsers;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.space.Lifetime;
import dev.samara.core.internal.sync.StackReserve;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The CPUs of one machine for threads that enter spaces. An idle CPU stays in its space in KERNEL, with its
 * translations, so using it again takes only one compare-and-set and the entry of GUEST. It counts as a user of the
 * space until the last reference to the space is closed. Thread-safe. A lock is acquired only when a CPU is created or
 * ended.
 */
public final class GuestCpus implements IdleUsers {
    /*
     * Why no idle CPU prevents the teardown of a space.
     *
     *     a thread that leaves its guest              a thread that closes the last reference
     *     place := the CPU           (volatile)       references := 0               (get-and-add)
     *     read the references        (volatile)       read each place               (volatile)
     *     0: take the CPU back, end it                a CPU of the space: take it, end it
     *
     * At least one of the two finds the other's store, and the compare-and-set of the place decides which of them ends
     * the CPU. If the CPU is lent at that time, its thread finds no reference when it gives the CPU back. If a new
     * reference is acquired after there was none, which is possible while there are other users, then the close of the
     * new reference is the last one.
     */

    /** The number of places: as many as there are CPUs with their own bit in cpumasks. */
    private static final int PLACES = 32;

    private final Supplier<Vcpu> maker;
    private final IdleCpus<PooledCpu> idle = new IdleCpus<>(PLACES);

    /**
     * Creates an empty pool.
     *
     * @param maker creates CPUs that are not in a space
     */
    public GuestCpus(Supplier<Vcpu> maker) {
        this.maker = maker;
    }

    /**
     * Lends a CPU in a space to the calling thread. The caller opens a guest next.
     *
     * @return null if the space has no users any more, or if the reference with the given layout is closed
     */
    public @Nullable PooledCpu lend(Layout layout) {
        // Checked before a CPU is taken, so that nothing has to be undone.
        StackReserve.check(PooledCpu.ENTER_DEPTH);
        if (layout.isClosed()) {
            return null;
        }
        Lifetime wanted = layout.lifetime();
        PooledCpu cpu = idle.openOrTakeIn(wanted);
        if (cpu != null && cpu.isOpen()) {
            return cpu;
        }
        if (cpu == null) {
            cpu = idle.hasRoom() ? null : idle.takeAny();
        }
        boolean isThere = false;
        try {
            if (cpu == null) {
                cpu = new PooledCpu(this, maker.get());
                idle.add(cpu);
            } else {
                OwnerChange.lend(cpu.cpu(), cpu);
            }
            if (cpu.isIn(wanted) || cpu.goTo(layout)) {
                idle.opened(cpu);
                isThere = true;
            }
        } finally {
            if (!isThere && cpu != null) {
                giveBack(cpu);
            }
        }
        return isThere ? cpu : null;
    }

    /** Takes back a CPU that the calling thread has made leave GUEST, or that it could not use. */
    void giveBack(PooledCpu cpu) {
        idle.closed(cpu);
        OwnerChange.takeBack(cpu.cpu(), cpu);
        if (!cpu.hasPlace()) {
            end(cpu, false);
            return;
        }
        Lifetime space = cpu.lifetime();
        idle.putBack(cpu);
        if (space != null && space.users().references() == 0 && idle.takeBack(cpu)) {
            end(cpu, false);
        }
    }

    private void end(PooledCpu cpu, boolean isLater) {
        idle.remove(cpu);
        OwnerChange.end(cpu.cpu(), isLater);
    }

    @Override
    public void leave(Lifetime space, boolean isLater) {
        for (int i = 0; i < idle.places(); i++) {
            PooledCpu cpu = idle.takeAt(i, space);
            if (cpu != null) {
                leave(cpu, space, isLater);
            }
        }
    }

    private void leave(PooledCpu cpu, Lifetime space, boolean isLater) {
        if (!cpu.isIn(space)) {
            // The CPU switched to another space after the caller's check, before this thread took it. So the CPU is
            // given back.
            giveBackIdle(cpu);
            return;
        }
        try {
            end(cpu, isLater);
        } catch (OutOfMemoryError | StackOverflowError exhausted) {
            // The close of a reference must not fail because of this. No thread can reach the CPU, so it is lost, and
            // the machine takes it offline.
            return;
        }
    }

    private void giveBackIdle(PooledCpu cpu) {
        Lifetime in = cpu.lifetime();
        idle.putBack(cpu);
        if (in != null && in.users().references() == 0 && idle.takeBack(cpu)) {
            end(cpu, true);
        }
    }

    /** Ends all idle CPUs, for the close of the machine. */
    public void end() {
        for (int i = 0; i < idle.places(); i++) {
            PooledCpu cpu = idle.takeAt(i, null);
            if (cpu != null) {
                end(cpu, false);
            }
        }
    }
}
