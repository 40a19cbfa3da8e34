// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.model;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.fixture.Geometries;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Loads, stores and calls at the bounds of each geometry, in both byte orders, on a space and on a model that contains
 * the bytes of each page. The addresses are the first and the last pages that may be mapped, and the pages around the
 * window's end, around the end of a page table, and around 2^31, 2^32 and 2^63.
 */
@ExtendWith(OneThread.class)
@DisplayName("In each geometry, in both byte orders, memory has what a model of its pages has")
@Tag("comparison")
final class GeometryMemoryTest {
    private static final int STEPS = 1_500;

    /** The number of pages at one place. */
    private static final int PLACE = 6;

    private static final int FLAGS = Mman.PRIVATE | Mman.ANONYMOUS | Mman.FIXED;

    private static final int[] PROTECTIONS = {Mman.READ | Mman.WRITE, Mman.READ | Mman.WRITE, Mman.READ, Mman.NONE};

    static Stream<Arguments> geometries() {
        return Geometries.all().entrySet().stream()
                .flatMap(each -> Stream.of(ByteOrder.LITTLE_ENDIAN, ByteOrder.BIG_ENDIAN)
                        .map(order -> Arguments.of(each.getKey(), order, each.getValue())));
    }

    private static List<Long> places(Geometry geometry) {
        long span = PLACE * geometry.pageSize();
        long leaf = geometry.pageSize() * (geometry.pageSize() / 8);
        List<Long> places = new ArrayList<>();
        places.add(geometry.minimum());
        for (long middle : new long[] {geometry.window(), leaf, 1L << 31, 1L << 32, 1L << 63}) {
            add(places, geometry, middle - span / 2);
        }
        add(places, geometry, geometry.limit() - span);
        return places;
    }

    /** Adds a place if it is within the space and does not overlap another place. */
    private static void add(List<Long> places, Geometry geometry, long start) {
        long span = PLACE * geometry.pageSize();
        boolean isFree = places.stream().allMatch(other -> Math.abs(start - other) >= span);
        if (isFree
                && Long.compareUnsigned(start, geometry.minimum()) >= 0
                && Long.compareUnsigned(start, geometry.limit() - span) <= 0) {
            places.add(start);
        }
    }

    @ParameterizedTest(name = "{0}, {1}")
    @MethodSource("geometries")
    void accesses(String name, ByteOrder order, Geometry geometry) {
        Machine machine = Machine.builder().memory(16 << 20).poisonFrames(true).build();
        AddressSpace space = machine.newSpace(geometry);
        Random random = new Random(name.hashCode() * 31L + order.toString().hashCode());
        try (Cpu cpu = machine.claimCpu()) {
            cpu.switchTo(space);
            List<Long> places = places(geometry);
            PagedBytes model = new PagedBytes(geometry, order);
            PagedAccess memory = new PagedAccess(cpu, order);
            for (int step = 0; step < STEPS; step++) {
                long place = places.get(random.nextInt(places.size()));
                if (random.nextInt(6) == 0) {
                    call(space, model, place, random);
                    space.validate();
                } else {
                    access(memory, model, place, random);
                }
            }
        }
        space.close();
    }

    private static void call(AddressSpace space, PagedBytes model, long place, Random random) {
        long page = space.geometry().pageSize();
        int first = random.nextInt(PLACE);
        long start = place + first * page;
        long length = page * (1 + random.nextInt(PLACE - first));
        int protection = PROTECTIONS[random.nextInt(PROTECTIONS.length)];
        switch (random.nextInt(6)) {
            case 0, 1, 2 -> {
                assertEquals(start, space.mmap(start, length, protection, FLAGS, null, 0));
                model.map(start, length, protection);
            }
            case 3 -> {
                assertEquals(0, space.munmap(start, length));
                model.unmap(start, length);
            }
            case 4 -> {
                if (model.isMapped(start, length)) {
                    assertEquals(0, space.mprotect(start, length, protection));
                    model.protect(start, length, protection);
                }
            }
            default -> {
                if (model.isMapped(start, length)) {
                    assertEquals(0, space.madvise(start, length, Mman.DONTNEED));
                    model.discard(start, length);
                }
            }
        }
    }

    /** Accesses bytes of a place, sometimes across two pages or across the end of the place. */
    private static void access(PagedAccess memory, PagedBytes model, long place, Random random) {
        int size = 1 << random.nextInt(4);
        long address = place
                + (long) random.nextInt(PLACE) * model.pageSize()
                + (random.nextBoolean() ? model.pageSize() - 1 - random.nextInt(8) : random.nextInt(64));
        if (random.nextBoolean()) {
            long number = random.nextLong();
            int expected = model.fault(address, size, Mman.WRITE);
            assertEquals(Fault.toString(expected), Fault.toString(memory.store(address, size, number)));
            if (expected == Fault.NONE) {
                model.store(address, size, number);
            }
        } else {
            int expected = model.fault(address, size, Mman.READ);
            assertEquals(Fault.toString(expected), Fault.toString(memory.load(address, size)));
            if (expected == Fault.NONE) {
                assertEquals(model.load(address, size), memory.value(), () -> Long.toHexString(address));
            }
        }
    }
}
