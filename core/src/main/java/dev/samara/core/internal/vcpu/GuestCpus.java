// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.vcpu;

import dev.samara.core.internal.cpu.IdleCpus;
import dev.samara.core.internal.space.IdleUsers;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.space.Lifetime;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The CPUs of one machine for threads that enter spaces. An idle CPU stays in its space in KERNEL, with its
 * translations, so the way back is one compare-and-set and the entry of GUEST. It counts as a user of the space until
 * the last reference to the users is closed. Thread-safe. A lock is taken only when a CPU is made or ended.
 */
public final class GuestCpus implements IdleUsers {
    /*
     * Why no idle CPU keeps a space from its end.
     *
     *     a thread that leaves its guest              a thread that closes the last reference
     *     place := the CPU           (volatile)       references := 0               (get-and-add)
     *     read the references        (volatile)       read each place               (volatile)
     *     0: take the CPU back, end it                a CPU of the space: take it, end it
     *
     * At least one of the two finds the other's store, and the compare-and-set of the place decides between both. If
     * the CPU is lent at that time, its thread finds no reference when it gives the CPU back. If a reference is taken
     * again although there was none, which other users make possible, its close is the last one then.
     */

    /** As many as have a bit of their own in cpumasks. */
    private static final int PLACES = 32;

    private final Supplier<Vcpu> maker;
    private final IdleCpus<PooledCpu> idle = new IdleCpus<>(PooledCpu.class, PLACES);

    /**
     * Makes an empty pool.
     *
     * @param maker makes CPUs in no space
     */
    public GuestCpus(Supplier<Vcpu> maker) {
        this.maker = maker;
    }

    /**
     * Takes the calling thread's CPU to a space. The caller opens a guest next.
     *
     * @return null if the space has no user any more, or the reference by whose layout this is called is closed
     */
    public @Nullable PooledCpu lend(Layout layout) {
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

    /** Takes a CPU back that the calling thread has taken out of GUEST, or that it could not use. */
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
            // It has gone to another space between the look and the take.
            giveBackIdle(cpu);
            return;
        }
        try {
            end(cpu, isLater);
        } catch (OutOfMemoryError | StackOverflowError exhausted) {
            // The close of a reference must not fail for that. No thread can reach the CPU: it is lost, and the machine
            // takes it offline.
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

    /** Ends all that are idle, for the close of the machine. */
    public void end() {
        for (int i = 0; i < idle.places(); i++) {
            PooledCpu cpu = idle.takeAt(i);
            if (cpu != null) {
                end(cpu, false);
            }
        }
    }
}
