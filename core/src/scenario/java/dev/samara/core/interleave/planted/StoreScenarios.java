// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.event.MmuNotifier;
import dev.samara.core.interleave.planted.SyncScenariosTest.Bodies;
import dev.samara.core.interleave.scenario.SpaceScenario;
import dev.samara.core.internal.cpu.TlbContext;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.PageTable.TableReserve;
import dev.samara.core.internal.pagewalk.PageWalk;
import dev.samara.core.internal.sync.Housekeeping;
import dev.samara.core.internal.sync.Rcu;
import dev.samara.core.internal.vma.VmArea;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Pairs of threads that each store and then load. At least one of the two must see the other thread's store. */
final class StoreScenarios {
    private StoreScenarios() {}

    /**
     * A fault links a leaf and then reads the VMA's word, concurrently with an operation that detaches the VMA and then
     * walks the page table.
     */
    static final class LinkBesideWalk extends Bodies {
        private final PageTable table = new PageTable(SpaceScenario.LINUX);
        private final VmArea vma =
                VmArea.describe(SpaceScenario.AT, SpaceScenario.AT + SpaceScenario.PAGE, 0, 0, null, null, null);
        private boolean mayInstall;
        private boolean isFound;

        LinkBesideWalk() {
            vma.attach(null, null);
            thread("fault", () -> {
                table.leafFromReserve(vma.start(), TableReserve.NONE);
                mayInstall = !vma.isDetached();
            });
            thread("walk", () -> {
                vma.detach();
                isFound = new PageWalk(table).over(vma.start(), vma.end()).next();
            });
        }

        @Override
        public void end() {
            assertTrue(isFound || !mayInstall, "a page is installed in a leaf that the walk has not found");
        }
    }

    /** An updater unlinks an object with a release store, and waits for readers. */
    static final class UnlinkedByRelease extends Bodies {
        private static final VarHandle LINKED;

        static {
            try {
                LINKED = MethodHandles.lookup().findVarHandle(UnlinkedByRelease.class, "linked", int[].class);
            } catch (ReflectiveOperationException impossible) {
                throw new ExceptionInInitializerError(impossible);
            }
        }

        private final Rcu rcu = new Rcu(new Rcu.Settings(
                Runnable::run,
                new Housekeeping(null, Runnable::run, moved -> {}),
                8,
                Rcu.AtBound.WAIT,
                Long.MAX_VALUE,
                message -> {}));
        private final Rcu.Reader reader = rcu.register("reader");

        @SuppressWarnings("UnusedVariable") // through LINKED
        private int @Nullable [] linked = {1};

        UnlinkedByRelease() {
            thread("reader", () -> {
                reader.readLock();
                int[] seen = (int[]) LINKED.getAcquire(this);
                if (seen != null) {
                    // This load is a step, before which the updater may run.
                    int[] again = (int[]) LINKED.getAcquire(this);
                    assertTrue(again == seen || again == null);
                    assertEquals(1, seen[0]);
                }
                reader.readUnlock();
            });
            thread("updater", () -> {
                int[] old = (int[]) LINKED.getAcquire(this);
                LINKED.setRelease(this, (int[]) null);
                rcu.synchronize();
                Objects.requireNonNull(old)[0] = 2;
            });
        }
    }

    /** A record of the log is read while the record that replaces it is written. */
    static final class OverwrittenRecord extends Bodies {
        private final TlbContext context = new TlbContext();

        OverwrittenRecord() {
            context.log(1, 0x1000, 0x2000, 1, MmuNotifier.Reason.UNMAPPED);
            thread("reader", () -> {
                TlbContext.FlushedRange range = new TlbContext.FlushedRange();
                if (context.readLog(1, range)) {
                    assertEquals(0x1000, range.start());
                    assertEquals(0x2000, range.end());
                }
            });
            thread(
                    "writer",
                    () -> context.log(1 + TlbContext.LOG_SIZE, 0x7000, 0x9000, 1, MmuNotifier.Reason.UNMAPPED));
        }
    }
}
