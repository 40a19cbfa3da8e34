// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.syscall;

import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.fixture.SpaceFixture;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterEach;

/** A space with one CPU, and its dirty scans as lists of pages. */
abstract class CollectionFixture {
    final SpaceFixture fixture = new SpaceFixture();
    final Cpu cpu = fixture.cpu;
    final AddressSpace space = fixture.space;

    @AfterEach
    void everyFrameComesBack() {
        fixture.closeEmpty();
        assertEquals(List.of(), fixture.reports);
    }

    /** Collects the dirty pages, and returns their numbers, counted from an address. */
    List<Long> dirty(AddressSpace of, long at, long pages) {
        List<Long> told = new ArrayList<>();
        long result = of.collectDirty(at, pages * PAGE, page -> told.add((page - at) / PAGE));
        assertEquals(told.size(), result);
        return told;
    }

    List<Long> dirty(long at, long pages) {
        return dirty(space, at, pages);
    }

    List<Long> accessed(long at, long pages) {
        List<Long> told = new ArrayList<>();
        assertEquals(space.collectAccessed(at, pages * PAGE, page -> told.add((page - at) / PAGE)), told.size());
        return told;
    }

    static List<Long> pages(long... numbers) {
        return LongStream.of(numbers).boxed().toList();
    }
}
