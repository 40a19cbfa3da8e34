// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.guest;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.MachineBuilder;
import dev.samara.core.fixture.ThrowingMemory;
import dev.samara.core.internal.page.DirectFrames;
import dev.samara.core.internal.page.FailingStore;
import dev.samara.core.internal.page.RegionThatFills;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.FrameStore;
import dev.samara.core.vma.Geometry;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Random;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** FlatMemory on machines of which no bytes, or only some, are in a region, and on machines with other page sizes. */
final class OtherFlatMemoryTest {
    private static final int PAGES = 96;
    private static final long AT = 0x2000_0000L;
    private static final long WINDOW = 1L << 31;
    private static final int FLAGS = Mman.PRIVATE | Mman.ANONYMOUS | Mman.FIXED;
    private static final int RW = Mman.READ | Mman.WRITE;

    private enum Setting {
        REGION(12),
        ABOVE_ONE_GIB(12) {
            @Override
            MachineBuilder machine() {
                // A separate frame store, because the JVM of the tests has less direct memory.
                return Machine.builder()
                        .memory((1L << 30) + (1L << 20))
                        .frameStore((shift, frames) -> new DirectFrames(shift, 10, frames, true));
            }
        },
        STORE_OF_EMBEDDER(12) {
            @Override
            MachineBuilder machine() {
                return super.machine()
                        .frameStore((shift, frames) -> new FailingStore(new DirectFrames(shift, 4, frames)).store());
            }
        },
        REGION_THAT_FILLS(12) {
            @Override
            MachineBuilder machine() {
                return super.machine().frameStore(Setting::filling);
            }
        },
        REGIONS_THAT_FILL(12) {
            @Override
            MachineBuilder machine() {
                // Two whole regions, and frames outside any region.
                return super.machine().frameStore((shift, frames) -> RegionThatFills.frames(shift, 4, frames, 32, 72));
            }
        },
        PAGES_OF_512_BYTES(9),
        PAGES_OF_16_KIB(14),
        PAGES_OF_64_KIB(16);

        private final int pageShift;

        Setting(int pageShift) {
            this.pageShift = pageShift;
        }

        private Geometry geometry() {
            return new Geometry(pageShift, 4, pageShift + 6, 0x10000, WINDOW, WINDOW);
        }

        private static FrameStore filling(int pageShift, int frames) {
            try {
                return RegionThatFills.frames(pageShift, 4, frames, 48);
            } catch (IOException failed) {
                throw new UncheckedIOException(failed);
            }
        }

        MachineBuilder machine() {
            return Machine.builder().memory((8L * PAGES) << pageShift);
        }
    }

    private final Random random = new Random(17);

    private static long load(FlatMemory memory, long address, int size) {
        return switch (size) {
            case 1 -> memory.loadByte(address);
            case 2 -> memory.loadShort(address);
            case 4 -> memory.loadInt(address);
            default -> memory.loadLong(address);
        };
    }

    private static void store(FlatMemory memory, long address, int size, long number) {
        switch (size) {
            case 1 -> memory.storeByte(address, (byte) number);
            case 2 -> memory.storeShort(address, (short) number);
            case 4 -> memory.storeInt(address, (int) number);
            default -> memory.storeLong(address, number);
        }
    }

    /** Makes accesses of each kind, most of them near the ends of pages. */
    private void access(FlatMemory memory, ByteBuffer model, int pageSize, int count) {
        for (int i = 0; i < count; i++) {
            int near = (1 + random.nextInt(PAGES - 1)) * pageSize - 8 + random.nextInt(16);
            int size = 1 << random.nextInt(4);
            int at = Math.min(near, PAGES * pageSize - 8);
            long number = random.nextLong();
            store(memory, AT + at, size, number);
            FlatCase.put(model, at, size, number);
            FlatCase access = FlatCase.ALL.get(random.nextInt(FlatCase.ALL.size()));
            int aligned = at & -access.size();
            long old = FlatCase.get(model, aligned, access.size());
            long one = random.nextBoolean() ? old : access.fit(number >>> 7);
            long two = access.fit(number >>> 3);
            assertEquals(access.result(old, one), access.access().apply(memory, AT + aligned, one, two), access::name);
            FlatCase.put(model, aligned, access.size(), access.change().apply(old, one, two));
            assertEquals(FlatCase.get(model, at, size), load(memory, AT + at, size));
            copy(memory.memory(), model, near, random.nextInt(4) == 0 ? at : random.nextInt(PAGES * pageSize));
        }
    }

    private void copy(GuestMemory memory, ByteBuffer model, int from, int to) {
        int length = random.nextInt(Math.min(3_000, model.capacity() - Math.max(from, to)));
        assertEquals(length, memory.copy(AT + from, AT + to, length));
        byte[] bytes = new byte[length];
        model.get(from, bytes);
        model.put(to, bytes);
    }

    @ParameterizedTest
    @CsvSource({
        "REGION, false",
        "ABOVE_ONE_GIB, true",
        "STORE_OF_EMBEDDER, false",
        "REGION_THAT_FILLS, true",
        "REGION_THAT_FILLS, false",
        "REGIONS_THAT_FILL, true",
        "REGIONS_THAT_FILL, false",
        "PAGES_OF_512_BYTES, true",
        "PAGES_OF_512_BYTES, false",
        "PAGES_OF_16_KIB, true",
        "PAGES_OF_64_KIB, true",
        "PAGES_OF_64_KIB, false"
    })
    @DisplayName("each access finds and changes the bytes as an array would, also after pages were discarded and moved")
    void bytes(Setting setting, boolean isBig) {
        ByteOrder order = isBig ? ByteOrder.BIG_ENDIAN : ByteOrder.LITTLE_ENDIAN;
        int pageSize = 1 << setting.pageShift;
        ByteBuffer model = ByteBuffer.allocate(PAGES * pageSize).order(order);
        Machine machine = setting.machine().build();
        AddressSpace space = machine.newSpace(setting.geometry());
        assertEquals(AT, space.mmap(AT, (long) PAGES * pageSize, RW, FLAGS, null, 0));
        try (Cpu cpu = machine.claimCpu()) {
            cpu.switchTo(space);
            FlatMemory memory = new ThrowingMemory(cpu.memory(), order);
            for (int round = 0; round < 40; round++) {
                access(memory, model, pageSize, 20);
                cpu.enterGuest();
                access(memory, model, pageSize, 200);
                cpu.leaveGuest();
                int page = random.nextInt(PAGES);
                if (round % 2 == 0) {
                    assertEquals(0, space.madvise(AT + (long) page * pageSize, pageSize, Mman.DONTNEED));
                } else {
                    long replaced = AT + (long) page * pageSize;
                    assertEquals(replaced, space.mmap(replaced, pageSize, RW, FLAGS, null, 0));
                }
                model.put(page * pageSize, new byte[pageSize]);
            }
            byte[] all = new byte[PAGES * pageSize];
            assertEquals(all.length, cpu.memory().copyOut(AT, all, 0, all.length));
            assertEquals(model, ByteBuffer.wrap(all).order(order));
            assertEquals(0, space.munmap(AT, pageSize));
            assertEquals(0, space.mprotect(AT + pageSize, pageSize, Mman.READ));
            cpu.enterGuest();
            assertThrows(ThrowingMemory.Signal.class, () -> memory.loadLong(AT + pageSize - 4));
            assertThrows(ThrowingMemory.Signal.class, () -> memory.storeInt(AT + pageSize, 1));
            assertEquals(model.getInt(pageSize), memory.loadInt(AT + pageSize));
            cpu.leaveGuest();
        }
        space.close();
        machine.close();
    }

    @ParameterizedTest
    @EnumSource(Setting.class)
    @DisplayName("loads and stores share a slot of the TLB and have a second level, fetches have a slot of their own,"
            + " and a miss of all is counted once")
    void misses(Setting setting) {
        int pageSize = 1 << setting.pageShift;
        int granuleShift = Math.min(setting.pageShift, 12);
        int entries = 32;
        // On a checked machine, the slots for data and for fetches must translate to the same frame.
        boolean isChecked = Boolean.getBoolean("samara.checked");
        Machine machine = setting.machine().tlbEntries(entries).build();
        AddressSpace space = machine.newSpace(setting.geometry());
        assertEquals(AT, space.mmap(AT, (long) PAGES * pageSize, RW | Mman.EXEC, FLAGS, null, 0));
        try (Cpu cpu = machine.claimCpu()) {
            cpu.switchTo(space);
            FlatMemory memory = new ThrowingMemory(cpu.memory(), ByteOrder.LITTLE_ENDIAN);
            for (int page = 0; page < PAGES; page++) {
                memory.storeByte(AT + (long) page * pageSize, (byte) 1);
            }
            cpu.enterGuest();
            long[] data = new long[entries];
            long[] fetched = new long[entries];
            long[] second = new long[32 * entries];
            // The second level grows once the first level was filled as many times as it has entries, here by the store
            // to the loop's first page.
            for (int page = entries - 1; page < PAGES; page++) {
                long granule = (AT + (long) page * pageSize) >>> granuleShift;
                second[(int) granule & second.length - 1] = granule;
            }
            long before = 0;
            long expected = 0;
            // The first accesses bring the TLB into the state of the model.
            for (int i = 0; i < 4_000; i++) {
                boolean fetches = i < 2_000 ? i % 2 == 0 : random.nextInt(3) == 0;
                int page = i < 2_000 ? i / 2 % PAGES : random.nextInt(PAGES);
                long address = AT + (long) page * pageSize + 8L * random.nextInt(pageSize / 8);
                if (i == 2_000) {
                    before = cpu.statistics().tlbMisses();
                }
                if (fetches) {
                    memory.fetchInt(address);
                } else if (random.nextBoolean()) {
                    memory.loadLong(address);
                } else {
                    memory.storeLong(address, i);
                }
                long granule = address >>> granuleShift;
                long[] part = fetches ? fetched : data;
                int slot = (int) granule & entries - 1;
                if (part[slot] != granule) {
                    int entry = (int) granule & second.length - 1;
                    if (fetches || second[entry] != granule) {
                        expected += i < 2_000 ? 0 : 1;
                    }
                    if (!fetches) {
                        second[entry] = granule;
                    }
                    if (isChecked) {
                        data[slot] = 0;
                        fetched[slot] = 0;
                    }
                    part[slot] = granule;
                }
            }
            assertEquals(expected, cpu.statistics().tlbMisses() - before);
            cpu.leaveGuest();
        }
        space.close();
        machine.close();
    }

    @ParameterizedTest
    @EnumSource(Setting.class)
    @DisplayName("each space has its own bytes at an address, in GUEST and outside, wherever its frames lie")
    void spaces(Setting setting) {
        int pageSize = 1 << setting.pageShift;
        Machine machine = setting.machine().build();
        AddressSpace[] spaces = new AddressSpace[3];
        try (Cpu cpu = machine.claimCpu()) {
            for (int i = 0; i < spaces.length; i++) {
                spaces[i] = machine.newSpace(setting.geometry());
                assertEquals(AT, spaces[i].mmap(AT, (long) PAGES * pageSize, RW, FLAGS, null, 0));
                cpu.switchTo(spaces[i]);
                for (int page = 0; page < PAGES; page++) {
                    assertEquals(Fault.NONE, cpu.memory().store(AT + (long) page * pageSize, 4, 1000 * i + page));
                }
            }
            FlatMemory memory = new ThrowingMemory(cpu.memory(), ByteOrder.LITTLE_ENDIAN);
            for (int round = 0; round < 20; round++) {
                int number = round % spaces.length;
                cpu.switchTo(spaces[number]);
                for (int page = 0; page < PAGES; page++) {
                    assertEquals(1000 * number + page, memory.loadInt(AT + (long) page * pageSize));
                }
                cpu.enterGuest();
                for (int page = 0; page < PAGES; page++) {
                    assertEquals(1000 * number + page, memory.loadInt(AT + (long) page * pageSize));
                }
                cpu.leaveGuest();
            }
        }
        for (AddressSpace space : spaces) {
            space.close();
        }
        machine.close();
    }
}
