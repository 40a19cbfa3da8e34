// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.guest.PinnedFrame;
import dev.samara.core.interleave.scenario.SpaceScenario;
import dev.samara.core.interleave.scenario.State;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.VmaFlags;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Forks concurrent with faults, and faults on pages that a fork shared. */
final class ForkScenarios {
    private ForkScenarios() {}

    private static final SpaceScenario.Operation FORK = (state, cpu) -> {
        state.children.put("child", state.space.fork());
        return "forked";
    };

    /** A fork concurrent with the copy of a page that an earlier child shares. */
    static final class ForkBesideCopy extends Calls {
        ForkBesideCopy() {
            calls().put("store", (state, cpu) -> store(cpu, AT, 8));
            calls().put("fork", FORK);
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            super.prepare(state, cpu);
            state.children.put("first", state.space.fork());
        }
    }

    /** A fork concurrent with a store to a page that an earlier child no longer shares. */
    static final class ForkBesideReuse extends Calls {
        ForkBesideReuse() {
            calls().put("store", (state, cpu) -> store(cpu, AT, 8));
            calls().put("fork", FORK);
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            super.prepare(state, cpu);
            state.space.fork().close();
        }

        @Override
        protected void judge(State state, Cpu cpu) {
            AddressSpace child = Objects.requireNonNull(state.children.get("child"));
            store(cpu, AT, 9);
            cpu.switchTo(child);
            String seen = load(cpu, AT);
            if (seen.equals("9")) {
                throw new AssertionError("a store of the parent after the fork is the child's");
            }
        }
    }

    /**
     * A thread that changes one page or mapping, and then stores to another page through a translation from before,
     * concurrently with a fork. A child that has the store has the change: its memory and layout are of one instant
     * (I5).
     */
    abstract static class ChangeThenStore extends Calls {
        static final long LAST = AT + PAGE;

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
            calls().put("fork", FORK);
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            mapPage(state, cpu, AT);
            mapPage(state, cpu, LAST);
        }

        abstract void change(State state, Cpu cpu);

        /** Returns whether the child, which the CPU uses, has the change. */
        abstract boolean isChanged(AddressSpace child, Cpu cpu);

        @Override
        protected boolean hasOrders() {
            return false;
        }

        @Override
        protected void judge(State state, Cpu cpu) {
            AddressSpace child = Objects.requireNonNull(state.children.get("child"));
            cpu.switchTo(child);
            if (load(cpu, LAST).equals("8") && !isChanged(child, cpu)) {
                throw new AssertionError("I5: the child has a store, but not what its thread did before");
            }
        }
    }

    /** As {@link ChangeThenStore}: a store that needs a fault. */
    abstract static class StoreThenStore extends ChangeThenStore {
        @Override
        final void change(State state, Cpu cpu) {
            cpu.enterGuest();
            store(cpu, AT, 8);
            cpu.leaveGuest();
        }

        @Override
        final boolean isChanged(AddressSpace child, Cpu cpu) {
            return load(cpu, AT).equals("8");
        }
    }

    /** A store to a page that both spaces share while the fork narrows other entries. */
    static final class SharedThenStore extends StoreThenStore {}

    /** A store to a page that an earlier child shares. */
    static final class CopiedThenStore extends StoreThenStore {
        @Override
        protected void prepare(State state, Cpu cpu) {
            super.prepare(state, cpu);
            state.children.put("first", state.space.fork());
        }
    }

    /** The first store to a page. */
    static final class FirstThenStore extends StoreThenStore {
        @Override
        protected void prepare(State state, Cpu cpu) {
            state.space.mmap(AT, PAGE, RW, FIXED, null, 0);
            mapPage(state, cpu, LAST);
        }
    }

    /** A store to the zero page. */
    static final class ZeroThenStore extends StoreThenStore {
        @Override
        protected void prepare(State state, Cpu cpu) {
            state.space.mmap(AT, PAGE, RW, FIXED, null, 0);
            load(cpu, AT);
            mapPage(state, cpu, LAST);
        }
    }

    /** The first store to a page of a file in a private mapping. */
    static final class FilePageThenStore extends StoreThenStore {
        @Override
        protected void prepare(State state, Cpu cpu) {
            state.space.mmap(
                    AT, PAGE, RW, Mman.PRIVATE | Mman.FIXED, newFile(state).open(), 0);
            mapPage(state, cpu, LAST);
        }
    }

    /** A store that grows a stack. */
    static final class GrowthThenStore extends ChangeThenStore {
        private static final long STACK = AT + 0x1000 * PAGE;

        @Override
        protected void prepare(State state, Cpu cpu) {
            state.space.mmap(STACK, PAGE, RW, FIXED | Mman.GROWSDOWN, null, 0);
            mapPage(state, cpu, LAST);
        }

        @Override
        void change(State state, Cpu cpu) {
            store(cpu, STACK - PAGE, 8);
        }

        @Override
        boolean isChanged(AddressSpace child, Cpu cpu) {
            return child.find(STACK - PAGE) != null && load(cpu, STACK - PAGE).equals("8");
        }
    }

    /** A mapping. */
    static final class MapThenStore extends ChangeThenStore {
        private static final long NEW = AT + 0x100 * PAGE;

        @Override
        void change(State state, Cpu cpu) {
            assertEquals(NEW, state.space.mmap(NEW, PAGE, RW, FIXED, null, 0));
        }

        @Override
        boolean isChanged(AddressSpace child, Cpu cpu) {
            return child.find(NEW) != null;
        }
    }

    /** Advice that discards a page. */
    static final class DiscardThenStore extends ChangeThenStore {
        @Override
        void change(State state, Cpu cpu) {
            assertEquals(0, state.space.madvise(AT, PAGE, Mman.DONTNEED));
        }

        @Override
        boolean isChanged(AddressSpace child, Cpu cpu) {
            return load(cpu, AT).equals("0");
        }
    }

    /** A call that removes a right. */
    static final class ProtectThenStore extends ChangeThenStore {
        @Override
        void change(State state, Cpu cpu) {
            assertEquals(0, state.space.mprotect(AT, PAGE, Mman.READ));
        }

        @Override
        boolean isChanged(AddressSpace child, Cpu cpu) {
            return !Objects.requireNonNull(child.find(AT)).has(VmaFlags.WRITE);
        }
    }

    /** A fork concurrent with a pin, which must pin the page that the parent keeps. */
    static final class ForkBesidePin extends Calls {
        private @Nullable PinnedFrame pinned;

        ForkBesidePin() {
            calls().put("pin", (state, cpu) -> {
                pinned = cpu.memory().pin(AT, Mman.WRITE);
                return pinned != null ? "pinned" : "refused";
            });
            calls().put("fork", FORK);
        }

        @Override
        protected boolean hasOrders() {
            return false;
        }

        @Override
        protected void judge(State state, Cpu cpu) {
            store(cpu, AT, 9);
            PinnedFrame of = Objects.requireNonNull(pinned);
            long seen = SpaceFixture.read(of);
            of.close();
            if (seen != 9) {
                throw new AssertionError("a store after the pin and the fork is not in the pinned page: " + seen);
            }
        }
    }

    /**
     * A store to a pinned page while a fork takes the last frame for the child's copy. The page needs no other frame, so
     * the store must not lack one.
     */
    static class ForkBesideStoreToPinned extends Calls {
        private @Nullable PinnedFrame pinned;

        ForkBesideStoreToPinned() {
            calls().put("store", (state, cpu) -> store(cpu, AT, 8));
            calls().put("fork", (state, cpu) -> {
                try {
                    return FORK.run(state, cpu);
                } catch (MmException refused) {
                    return refused.errno().toString();
                }
            });
        }

        @Override
        protected int pages() {
            return 2;
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            super.prepare(state, cpu);
            pinned = cpu.memory().pin(AT, Mman.WRITE);
        }

        @Override
        protected void judge(State state, Cpu cpu) {
            try (PinnedFrame of = Objects.requireNonNull(pinned)) {
                assertEquals(8, SpaceFixture.read(of));
            }
        }
    }

    /** The same without a frame for the child's copy, so the fork is refused. */
    static final class RefusedForkBesideStoreToPinned extends ForkBesideStoreToPinned {
        @Override
        protected int pages() {
            return 1;
        }
    }

    /** The first store to a mapping, concurrently with a call that splits it. A later fork copies the page. */
    static final class FirstStoreBesideCut extends Calls {
        FirstStoreBesideCut() {
            calls().put("store", (state, cpu) -> store(cpu, AT, 8));
            calls().put("mprotect", (state, cpu) -> "" + state.space.mprotect(AT + PAGE, PAGE, Mman.READ));
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            state.space.mmap(AT, 2 * PAGE, RW, FIXED, null, 0);
        }

        @Override
        protected boolean hasOrders() {
            // A VMA that is split concurrently with the fault may or may not have an anon_vma.
            return false;
        }

        @Override
        protected void judge(State state, Cpu cpu) {
            AddressSpace child = state.space.fork();
            state.children.put("child", child);
            cpu.switchTo(child);
            assertEquals("8", load(cpu, AT), "the child's page");
        }
    }

    /** The first store to a mapping, concurrently with its move. A later fork copies the page, wherever it is. */
    abstract static class FirstStoreBeside extends Calls {
        private static final long TARGET = AT + 0x100 * PAGE;

        FirstStoreBeside(int flags) {
            calls().put("store", (state, cpu) -> store(cpu, AT, 8));
            calls().put(
                            "mremap",
                            (state, cpu) -> ""
                                    + state.space.mremap(
                                            AT, PAGE, PAGE, Mman.MAYMOVE | Mman.MREMAP_FIXED | flags, TARGET));
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            state.space.mmap(AT, PAGE, RW, FIXED, null, 0);
        }

        @Override
        protected boolean hasOrders() {
            return false;
        }

        @Override
        protected void judge(State state, Cpu cpu) {
            String seen = load(cpu, TARGET);
            AddressSpace child = state.space.fork();
            state.children.put("child", child);
            cpu.switchTo(child);
            assertEquals(seen, load(cpu, TARGET), "the child's page");
        }
    }

    /** The source is unmapped. */
    static final class FirstStoreBesideMove extends FirstStoreBeside {
        FirstStoreBesideMove() {
            super(0);
        }
    }

    /** The source stays mapped, without its page. */
    static final class FirstStoreBesideEmptying extends FirstStoreBeside {
        FirstStoreBesideEmptying() {
            super(Mman.DONTUNMAP);
        }
    }

    /** A scan for written pages, concurrently with the copy of a page. */
    static final class ScanBesideCopy extends Calls {
        ScanBesideCopy() {
            calls().put("store", (state, cpu) -> store(cpu, AT, 8));
            calls().put("collect", (state, cpu) -> "" + state.space.collectDirty(AT, PAGE, page -> {}));
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            super.prepare(state, cpu);
            state.children.put("first", state.space.fork());
        }
    }
}
