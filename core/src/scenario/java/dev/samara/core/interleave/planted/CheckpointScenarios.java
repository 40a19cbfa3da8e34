// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.samara.core.Checkpoint;
import dev.samara.core.Cpu;
import dev.samara.core.MachineInternals;
import dev.samara.core.PageTableRef;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.event.FlushListener;
import dev.samara.core.event.MmuNotifier;
import dev.samara.core.interleave.scenario.State;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.space.LowMemory;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.Mman;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Checkpoints concurrent with faults and discards, and the ends of checkpoints. */
final class CheckpointScenarios {
    private CheckpointScenarios() {}

    /** A checkpoint that a thread makes, and calls that other threads make. Restored and closed at the end. */
    abstract static class Checkpoints extends Calls {
        static final long LAST = AT + PAGE;

        /** The checkpoint that was made before the calls; null if there is none. */
        @Nullable
        Checkpoint older;

        private @Nullable Checkpoint made;

        final Operation checkpoint() {
            return (state, cpu) -> {
                made = state.space.checkpoint();
                return "made";
            };
        }

        /** Returns to the checkpoint that was made before. */
        final Operation restoring() {
            return (state, cpu) -> {
                Objects.requireNonNull(older).restore();
                return "restored";
            };
        }

        /** Closes the checkpoint that was made before. */
        final Operation closing() {
            return (state, cpu) -> {
                Objects.requireNonNull(older).close();
                return "closed";
            };
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            mapPage(state, cpu, AT);
            mapPage(state, cpu, LAST);
        }

        final Checkpoint made() {
            return Objects.requireNonNull(made);
        }

        @Override
        protected boolean hasOrders() {
            return false;
        }

        @Override
        protected void judge(State state, Cpu cpu) {
            judgeRestored(state, cpu);
            if (made != null) {
                made.close();
                made = null;
            }
            if (older != null) {
                older.close();
                older = null;
            }
            store(cpu, AT, 9);
            assertEquals("9", load(cpu, AT));
        }

        abstract void judgeRestored(State state, Cpu cpu);
    }

    /**
     * A CPU with a listener that enters GUEST beside a checkpoint. Once it has flushed for the checkpoint, it has been
     * notified.
     */
    static final class ListenerBesideCheckpoint extends Checkpoints implements FlushListener {
        private long flushed;
        private long notified;

        ListenerBesideCheckpoint() {
            calls().put("enters", new Operation() {
                @Override
                public void before(State state, Cpu cpu) {
                    cpu.onFlush(ListenerBesideCheckpoint.this);
                    cpu.enterGuest();
                    cpu.leaveGuest();
                    flushed = 0;
                    notified = 0;
                }

                @Override
                public String run(State state, Cpu cpu) {
                    cpu.enterGuest();
                    cpu.leaveGuest();
                    return "entered";
                }
            });
            calls().put("checkpoint", checkpoint());
        }

        @Override
        public void flushed(long start, long end, MmuNotifier.Reason reason, long generation) {
            flushed = generation;
        }

        @Override
        public void checkpointed(long checkpoint) {
            notified = checkpoint;
        }

        @Override
        void judgeRestored(State state, Cpu cpu) {
            assertEquals(flushed < made().number() ? 0 : made().number(), notified);
        }
    }

    /** Calls after a checkpoint. */
    abstract static class BesideOlder extends Checkpoints {
        @Override
        protected void prepare(State state, Cpu cpu) {
            super.prepare(state, cpu);
            older = state.space.checkpoint();
        }
    }

    /**
     * A thread that changes one page, and then stores to another one through a translation from before, concurrently
     * with a checkpoint. If the restored space has the store, it has the change.
     */
    abstract static class ChangeThenStore extends Checkpoints {
        ChangeThenStore() {
            calls().put("stores", new Operation() {
                @Override
                public void before(State state, Cpu cpu) {
                    cpu.enterGuest();
                    store(cpu, LAST, 7);
                    cpu.leaveGuest();
                }

                @Override
                public String run(State state, Cpu cpu) {
                    change(state, cpu);
                    cpu.enterGuest();
                    store(cpu, LAST, 8);
                    cpu.leaveGuest();
                    return "stored";
                }
            });
            calls().put("checkpoint", checkpoint());
        }

        /** Stores 8. */
        void change(State state, Cpu cpu) {
            cpu.enterGuest();
            store(cpu, AT, 8);
            cpu.leaveGuest();
        }

        String changed() {
            return "8";
        }

        @Override
        void judgeRestored(State state, Cpu cpu) {
            made().restore();
            if (load(cpu, LAST).equals("8") && !load(cpu, AT).equals(changed())) {
                throw new AssertionError("I5: the restored space has a store, but not what its thread did before");
            }
            // The page may be written only after it is recorded, also if the checkpoint began beside its change.
            String restored = load(cpu, AT);
            store(cpu, AT, 10);
            made().restore();
            assertEquals(restored, load(cpu, AT));
        }
    }

    /** A store to a page that the checkpoint makes older. */
    static final class PresentThenStore extends ChangeThenStore {}

    /** A store to a page that a checkpoint before has made older. */
    static final class OlderThenStore extends ChangeThenStore {
        @Override
        protected void prepare(State state, Cpu cpu) {
            super.prepare(state, cpu);
            older = state.space.checkpoint();
        }
    }

    /** A store to a page that an ended checkpoint has made older, which is then writable in place. */
    static final class ReuseThenStore extends ChangeThenStore {
        @Override
        protected void prepare(State state, Cpu cpu) {
            super.prepare(state, cpu);
            state.space.checkpoint().close();
        }
    }

    /** The first store to a page. */
    static final class FirstThenStore extends ChangeThenStore {
        @Override
        protected void prepare(State state, Cpu cpu) {
            state.space.mmap(AT, PAGE, RW, FIXED, null, 0);
            mapPage(state, cpu, LAST);
        }
    }

    /** The first store to a page of a file in a private mapping. */
    static final class FilePageThenStore extends ChangeThenStore {
        @Override
        protected void prepare(State state, Cpu cpu) {
            state.space.mmap(
                    AT, PAGE, RW, Mman.PRIVATE | Mman.FIXED, newFile(state).open(), 0);
            mapPage(state, cpu, LAST);
        }
    }

    /** Advice that discards a page. */
    static final class DiscardThenStore extends ChangeThenStore {
        @Override
        void change(State state, Cpu cpu) {
            assertEquals(0, state.space.madvise(AT, PAGE, Mman.DONTNEED));
        }

        @Override
        String changed() {
            return "0";
        }
    }

    /** A store, concurrently with a second checkpoint. Both are restored. */
    static final class StoreBesideSecond extends BesideOlder {
        StoreBesideSecond() {
            calls().put("store", (state, cpu) -> store(cpu, AT, 8));
            calls().put("checkpoint", checkpoint());
        }

        @Override
        void judgeRestored(State state, Cpu cpu) {
            store(cpu, AT, 10);
            made().restore();
            String seen = load(cpu, AT);
            if (!seen.equals("7") && !seen.equals("8")) {
                throw new AssertionError("restored to " + seen);
            }
            Objects.requireNonNull(older).restore();
            assertEquals("7", load(cpu, AT), "the older one");
        }
    }

    /** A store, concurrently with the end of the checkpoint for which the page is kept. */
    static final class StoreBesideEnd extends BesideOlder {
        StoreBesideEnd() {
            calls().put("store", (state, cpu) -> store(cpu, AT + Long.BYTES, 8));
            calls().put("end", closing());
        }

        @Override
        void judgeRestored(State state, Cpu cpu) {
            assertEquals("7", load(cpu, AT), "of the copied page");
            assertEquals("8", load(cpu, AT + Long.BYTES));
        }
    }

    /** A store, concurrently with advice that discards the page. */
    static final class DiscardBesideStore extends BesideOlder {
        DiscardBesideStore() {
            calls().put("store", (state, cpu) -> store(cpu, AT, 8));
            calls().put("discard", (state, cpu) -> "" + state.space.madvise(AT, PAGE, Mman.DONTNEED));
        }

        @Override
        void judgeRestored(State state, Cpu cpu) {
            Objects.requireNonNull(older).restore();
            assertEquals("7", load(cpu, AT));
        }
    }

    /** A store, concurrently with a second checkpoint and, after that, advice that discards the page. */
    static final class StoreBesideSecondAndDiscard extends BesideOlder {
        StoreBesideSecondAndDiscard() {
            calls().put("store", (state, cpu) -> store(cpu, AT, 8));
            calls().put("checkpoint", (state, cpu) -> {
                checkpoint().run(state, cpu);
                return "" + state.space.madvise(AT, PAGE, Mman.DONTNEED);
            });
        }

        @Override
        void judgeRestored(State state, Cpu cpu) {
            made().restore();
            String seen = load(cpu, AT);
            if (!seen.equals("7") && !seen.equals("8")) {
                throw new AssertionError("restored to " + seen);
            }
            Objects.requireNonNull(older).restore();
            assertEquals("7", load(cpu, AT), "the older one");
        }
    }

    /** A store, concurrently with a call that takes the right to write, and so may take over the entry of the copy. */
    static final class ProtectBesideStore extends BesideOlder {
        ProtectBesideStore() {
            calls().put("store", (state, cpu) -> store(cpu, AT, 8));
            calls().put("protect", (state, cpu) -> "" + state.space.mprotect(AT, PAGE, Mman.READ));
        }

        @Override
        void judgeRestored(State state, Cpu cpu) {
            assertEquals(0, state.space.mprotect(AT, PAGE, RW));
            store(cpu, AT, 9);
            Objects.requireNonNull(older).restore();
            assertEquals("7", load(cpu, AT));
        }
    }

    /** A store, concurrently with a restore that first maps the page again. */
    static final class StoreBesideMappedAgain extends BesideOlder {
        StoreBesideMappedAgain() {
            calls().put("store", (state, cpu) -> store(cpu, AT, 9));
            calls().put("restore", restoring());
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            super.prepare(state, cpu);
            assertEquals(0, state.space.munmap(AT, PAGE));
        }

        @Override
        void judgeRestored(State state, Cpu cpu) {
            String seen = load(cpu, AT);
            if (!seen.equals("7") && !seen.equals("9")) {
                throw new AssertionError("restored to " + seen);
            }
            Objects.requireNonNull(older).restore();
            assertEquals("7", load(cpu, AT));
        }
    }

    /** A store, concurrently with the end of a younger checkpoint. The older one is restored. */
    static final class StoreBesideYoungerEnd extends BesideOlder {
        private @Nullable Checkpoint younger;

        StoreBesideYoungerEnd() {
            calls().put("store", (state, cpu) -> store(cpu, AT, 8));
            calls().put("end", (state, cpu) -> {
                Objects.requireNonNull(younger).close();
                return "closed";
            });
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            super.prepare(state, cpu);
            store(cpu, LAST, 8);
            younger = state.space.checkpoint();
        }

        @Override
        void judgeRestored(State state, Cpu cpu) {
            Objects.requireNonNull(older).restore();
            assertEquals("7", load(cpu, AT));
            assertEquals("7", load(cpu, LAST));
        }
    }

    /** A store, concurrently with a restore. */
    static final class StoreBesideRestore extends BesideOlder {
        StoreBesideRestore() {
            calls().put("store", (state, cpu) -> store(cpu, AT, 9));
            calls().put("restore", restoring());
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            super.prepare(state, cpu);
            store(cpu, AT, 8);
            store(cpu, LAST, 8);
        }

        @Override
        void judgeRestored(State state, Cpu cpu) {
            assertEquals("7", load(cpu, LAST));
            String seen = load(cpu, AT);
            if (!seen.equals("7") && !seen.equals("9")) {
                throw new AssertionError("restored to " + seen);
            }
            Objects.requireNonNull(older).restore();
            assertEquals("7", load(cpu, AT));
        }
    }

    /**
     * A CPU in GUEST that stores to one page, and then to another one through a translation from before, concurrently
     * with a restore beside it. If the first store remains, so does the second one.
     */
    abstract static class StoresBesideRestore extends BesideOlder {
        StoresBesideRestore() {
            calls().put("stores", new Operation() {
                @Override
                public void before(State state, Cpu cpu) {
                    cpu.enterGuest();
                    store(cpu, LAST, 8);
                    cpu.leaveGuest();
                }

                @Override
                public String run(State state, Cpu cpu) {
                    cpu.enterGuest();
                    store(cpu, AT, 9);
                    store(cpu, LAST, 9);
                    cpu.leaveGuest();
                    return "stored";
                }
            });
            calls().put("restore", (state, cpu) -> {
                Objects.requireNonNull(older).restoreRunning();
                return "restored";
            });
        }

        /** What the first page contains at the checkpoint. */
        String before() {
            return "7";
        }

        @Override
        void judgeRestored(State state, Cpu cpu) {
            String first = load(cpu, AT);
            String second = load(cpu, LAST);
            boolean isKnown =
                    List.of("9", before()).contains(first) && List.of("9", "7").contains(second);
            if (!isKnown) {
                throw new AssertionError("restored to " + first + " and " + second);
            }
            if (first.equals("9") && !second.equals("9")) {
                throw new AssertionError("I5: a store remains, but not what its thread stored after it");
            }
            Objects.requireNonNull(older).restore();
            assertEquals(before(), load(cpu, AT));
            assertEquals("7", load(cpu, LAST));
        }
    }

    /** A store that copies a page of the checkpoint. */
    static final class CopyBesideRestore extends StoresBesideRestore {}

    /** The first store to a page. */
    static final class FirstBesideRestore extends StoresBesideRestore {
        @Override
        protected void prepare(State state, Cpu cpu) {
            state.space.mmap(AT, PAGE, RW, FIXED, null, 0);
            mapPage(state, cpu, LAST);
            older = state.space.checkpoint();
        }

        @Override
        String before() {
            return "0";
        }
    }

    /** A restore that puts a private page of a file back, concurrently with a truncation, which removes it again. */
    static final class TruncateBesideRestore extends Checkpoints {
        private @Nullable MemoryFile file;

        TruncateBesideRestore() {
            calls().put("truncate", (state, cpu) -> {
                Objects.requireNonNull(file).truncate(0);
                return "truncated";
            });
            calls().put("restore", restoring());
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            file = newFile(state);
            state.space.mmap(AT, PAGE, RW, Mman.PRIVATE | Mman.FIXED, file.open(), 0);
            store(cpu, AT, 7);
            older = state.space.checkpoint();
            store(cpu, AT, 8);
        }

        @Override
        void judgeRestored(State state, Cpu cpu) {
            Objects.requireNonNull(file).truncate(PAGE);
            Objects.requireNonNull(older).restore();
            assertEquals("7", load(cpu, AT));
        }
    }

    /** A store that copies a page, concurrently with a reap, which takes the pages that the checkpoint keeps. */
    static final class StoreBesideReap extends BesideOlder {
        private String reaped = "";

        StoreBesideReap() {
            calls().put("store", (state, cpu) -> store(cpu, AT, 8));
            calls().put("reap", (state, cpu) -> {
                try (PageTableRef held = state.space.hold()) {
                    reaped = "" + held.reap();
                }
                return reaped;
            });
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            super.prepare(state, cpu);
            store(cpu, LAST, 8);
        }

        @Override
        protected void judge(State state, Cpu cpu) {
            Checkpoint lost = Objects.requireNonNull(older);
            assertThrows(MmException.class, lost::restore);
            assertEquals(Fault.toString(Fault.ADRERR), load(cpu, LAST));
            if (reaped.equals("0")) {
                assertEquals(0, state.machine.statistics().framesInUse());
            }
            lost.close();
            older = null;
        }

        @Override
        void judgeRestored(State state, Cpu cpu) {}
    }

    /**
     * A drop of droppable pages, as for a fault that finds no frame, concurrently with a restore that puts such a page
     * back.
     */
    static final class DropBesideRestore extends Checkpoints {
        DropBesideRestore() {
            calls().put("drop", (state, cpu) -> {
                Layout layout = MachineInternals.layoutOf(state.space);
                return "" + LowMemory.dropPages(layout.spaces, layout.memory());
            });
            calls().put("restore", (state, cpu) -> {
                Objects.requireNonNull(older).restore();
                return "restored";
            });
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            int flags = Mman.DROPPABLE | Mman.ANONYMOUS | Mman.FIXED;
            assertEquals(AT, state.space.mmap(AT, PAGE, RW, flags, null, 0));
            store(cpu, AT, 7);
            mapPage(state, cpu, LAST);
            older = state.space.checkpoint();
            store(cpu, LAST, 8);
            assertEquals(0, state.space.madvise(AT, PAGE, Mman.DONTNEED));
        }

        @Override
        void judgeRestored(State state, Cpu cpu) {
            judgeDropped(cpu);
            Objects.requireNonNull(older).restore();
            judgeDropped(cpu);
            assertEquals("7", load(cpu, LAST));
        }

        private static void judgeDropped(Cpu cpu) {
            String seen = load(cpu, AT);
            if (!seen.equals("7") && !seen.equals("0")) {
                throw new AssertionError("restored to " + seen);
            }
        }
    }
}
