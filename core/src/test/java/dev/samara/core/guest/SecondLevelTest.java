// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.guest;

import static dev.samara.core.fixture.SpaceFixture.ANONYMOUS;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.MachineBuilder;
import dev.samara.core.fixture.Awake;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.OtherCpu;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.fixture.ThrowingMemory;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import java.util.concurrent.Future;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Translations that are left only in the second level of a TLB, and each change that must remove them there. */
@ExtendWith(OneThread.class)
final class SecondLevelTest {
    private static final long AT = 0x2000_0000_0000L;

    /** The number of entries of the first level. */
    private static final int ENTRIES = 2;

    /** An address whose translation replaces that of AT in the first level. */
    private static final long INSTEAD = AT + ENTRIES * PAGE;

    private final SpaceFixture fixture = new SpaceFixture(machine());
    private final AddressSpace space = fixture.space;
    private final Cpu cpu = fixture.cpu;
    private final ThrowingMemory memory = new ThrowingMemory(cpu);

    private static MachineBuilder machine() {
        return Machine.builder().memory(1 << 24).tlbEntries(ENTRIES).poisonFrames(true);
    }

    @AfterEach
    void close() {
        fixture.close();
    }

    private void inGuest(Runnable what) {
        cpu.enterGuest();
        try {
            what.run();
        } finally {
            cpu.leaveGuest();
        }
    }

    private static void assertFault(int expected, Runnable access) {
        SpaceFixture.assertFault(
                expected, assertThrows(ThrowingMemory.Signal.class, access::run).fault());
    }

    /** Makes a call on another thread while this CPU polls in GUEST. */
    private void byOther(Runnable call) {
        try (OtherCpu other = new OtherCpu(space)) {
            Future<Integer> made = other.submit(of -> {
                call.run();
                return 0;
            });
            while (!made.isDone()) {
                memory.poll();
                Awake.turn();
            }
            other.call(of -> 0);
        }
    }

    /** In GUEST, stores 7 at AT, and then a number elsewhere. Afterwards the second level has its maximum size. */
    private void warm() {
        memory.loadLong(INSTEAD);
        memory.loadLong(AT);
        memory.storeLong(AT, 7);
        memory.storeLong(INSTEAD, 8);
    }

    private void mapAndWarm() {
        fixture.map(AT, ENTRIES + 1, RW, ANONYMOUS, null, 0);
        inGuest(this::warm);
    }

    /** A change of the page at AT, which contains 7, and what accesses find afterwards. */
    @SuppressWarnings("ImmutableEnumChecker") // lambdas that capture nothing
    private enum Change {
        MUNMAP(of -> of.munmap(AT, PAGE), Fault.MAPERR, Fault.MAPERR, 0),
        REPLACE(of -> of.mmap(AT, PAGE, RW, ANONYMOUS | Mman.FIXED, null, 0), Fault.NONE, Fault.NONE, 0),
        PROTECT_NONE(of -> of.mprotect(AT, PAGE, 0), Fault.ACCERR, Fault.ACCERR, 0),
        PROTECT_READ(of -> of.mprotect(AT, PAGE, READ), Fault.NONE, Fault.ACCERR, 7),
        MOVE(
                of -> of.mremap(AT, PAGE, PAGE, Mman.MAYMOVE | Mman.MREMAP_FIXED, AT + 16 * PAGE),
                Fault.MAPERR,
                Fault.MAPERR,
                0),
        DONTNEED(of -> of.madvise(AT, PAGE, Mman.DONTNEED), Fault.NONE, Fault.NONE, 0),
        GUARD(of -> of.madvise(AT, PAGE, Mman.GUARD_INSTALL), Fault.MAPERR, Fault.MAPERR, 0);

        final Consumer<AddressSpace> call;
        final int loadFault;
        final int storeFault;
        final long value;

        Change(Consumer<AddressSpace> call, int loadFault, int storeFault, long value) {
            this.call = call;
            this.loadFault = loadFault;
            this.storeFault = storeFault;
            this.value = value;
        }
    }

    private void assertChanged(Change change) {
        if (change.loadFault == Fault.NONE) {
            assertEquals(change.value, memory.loadLong(AT));
        } else {
            assertFault(change.loadFault, () -> memory.loadLong(AT));
        }
        if (change.storeFault != Fault.NONE) {
            assertFault(change.storeFault, () -> memory.storeLong(AT, 9));
        }
    }

    @ParameterizedTest
    @EnumSource(Change.class)
    @DisplayName("a change by another thread holds when it has returned")
    void changes(Change change) {
        mapAndWarm();
        inGuest(() -> {
            byOther(() -> change.call.accept(space));
            assertChanged(change);
        });
    }

    @ParameterizedTest
    @EnumSource(Change.class)
    @DisplayName("a change by the thread of the CPU itself holds in GUEST")
    void ownChanges(Change change) {
        mapAndWarm();
        change.call.accept(space);
        inGuest(() -> assertChanged(change));
    }

    @ParameterizedTest
    @EnumSource(Change.class)
    @DisplayName("a change while the CPU was in LAZY, or in another space, holds when it is back")
    void changesMeanwhile(Change change) {
        mapAndWarm();
        try (OtherCpu other = new OtherCpu(space)) {
            cpu.enterLazy();
            other.call(of -> {
                change.call.accept(space);
                return 0;
            });
            cpu.switchTo(space);
        }
        inGuest(() -> assertChanged(change));
    }

    @Test
    @DisplayName("the flush of more pages than the first level has entries")
    void many() {
        fixture.map(AT, 64, RW, ANONYMOUS, null, 0);
        inGuest(() -> {
            for (int page = 0; page < 64; page++) {
                memory.storeLong(AT + page * PAGE, 7);
            }
            byOther(() -> space.madvise(AT, 64 * PAGE, Mman.DONTNEED));
            for (int page = 0; page < 64; page++) {
                assertEquals(0, memory.loadLong(AT + page * PAGE));
            }
        });
    }

    @Test
    @DisplayName("another thread than the owner of the CPU gets none")
    void otherThread() {
        mapAndWarm();
        inGuest(() -> {
            try (OtherCpu other = new OtherCpu(space)) {
                other.call(of -> assertThrows(IllegalStateException.class, () -> memory.loadLong(AT)));
            }
        });
    }
}
