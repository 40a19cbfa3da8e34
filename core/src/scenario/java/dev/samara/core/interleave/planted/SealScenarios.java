// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import dev.samara.core.Cpu;
import dev.samara.core.guest.PinnedFrame;
import dev.samara.core.interleave.scenario.State;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Mman;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** A seal against writes to a memory file, concurrent with operations that could still write to it. */
final class SealScenarios {
    private static final int SHARED = Mman.SHARED | Mman.FIXED;

    private SealScenarios() {}

    /** Adds the seal. The results depend on which of two calls comes first, so they are not compared. */
    private abstract static class Sealed extends Calls {
        Sealed() {
            calls().put("seal", (state, cpu) -> "" + file().addSeals(Mman.SEAL_WRITE));
        }

        @Override
        protected final boolean hasOrders() {
            return false;
        }

        final boolean isSealed() {
            return (file().seals() & Mman.SEAL_WRITE) != 0;
        }

        static void requireNot(boolean isWrong, String what) {
            if (isWrong) {
                throw new AssertionError("a file is sealed against writes, and " + what);
            }
        }

        final long mapShared(State state) {
            return state.space.mmap(AT, PAGE, RW, SHARED, file().open(), 0);
        }
    }

    /** A writable mapping is created. */
    static final class SealBesideMap extends Sealed {
        private boolean isMapped;

        SealBesideMap() {
            calls().put("mmap", (state, cpu) -> {
                isMapped = !Errno.isError(mapShared(state));
                return "" + isMapped;
            });
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            newSealableFile(state);
        }

        @Override
        protected void judge(State state, Cpu cpu) {
            requireNot(isSealed() && isMapped, "is mapped to be written");
        }
    }

    /** A page of the only mapping is pinned for writing, and then the mapping is removed. */
    static final class SealBesidePin extends Sealed {
        private @Nullable PinnedFrame pin;

        SealBesidePin() {
            calls().put("pin", (state, cpu) -> {
                pin = cpu.memory().pin(AT, Mman.WRITE);
                return "" + state.space.munmap(AT, PAGE);
            });
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            newSealableFile(state);
            mapShared(state);
            store(cpu, AT, 7);
        }

        @Override
        protected void judge(State state, Cpu cpu) {
            PinnedFrame made = Objects.requireNonNull(pin, "not pinned");
            pin = null;
            made.close();
            requireNot(isSealed(), "a page was pinned for writing");
        }
    }

    /** The only mapping is removed while a CPU in GUEST has a translation of its page. */
    static final class SealBesideUnmap extends Sealed {
        SealBesideUnmap() {
            calls().put("munmap", munmap(AT, PAGE));
            calls().put("guest", new HoldsInGuest(AT) {
                @Override
                void beforeLeaving(State state, Cpu cpu) {
                    boolean wasSealed = isSealed();
                    requireNot(store(cpu, AT, 8).equals("stored") && wasSealed, "a CPU writes to it");
                }
            });
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            newSealableFile(state);
            mapShared(state);
            store(cpu, AT, 7);
        }
    }
}
