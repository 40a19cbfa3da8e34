// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.syscall;

import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.AddressSpace;
import dev.samara.core.event.Report;
import dev.samara.core.fixture.NamedBacking;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.mman.Mman;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("WILLNEED")
final class WillNeedTest {
    private final List<String> calls = new ArrayList<>();

    /** A backing that records the calls. */
    private class Noted extends NamedBacking {
        Noted(String name) {
            super(name, 5);
        }

        @Override
        public void willNeed(long offset, long length) {
            calls.add(name() + " " + offset / PAGE + "+" + length / PAGE);
        }
    }

    @Test
    @DisplayName("calls the backing of each mapping in the range, in the order of the addresses")
    void order() {
        try (SpaceFixture fixture = new SpaceFixture()) {
            AddressSpace space = fixture.space;
            long at = fixture.anonymous(10);
            fixture.map(at, 3, READ, Mman.PRIVATE | Mman.FIXED, new Noted("/a"), 10);
            fixture.map(at + 4 * PAGE, 6, READ, Mman.SHARED | Mman.FIXED, new Noted("/b"), 20);
            assertEquals(0, space.madvise(at + PAGE, 5 * PAGE, Mman.WILLNEED));
            assertEquals(List.of("/a 11+2", "/b 20+2"), calls);
            assertEquals(0, space.madvise(at, 10 * PAGE, Mman.SEQUENTIAL));
            assertEquals(0, space.madvise(at, 0, Mman.WILLNEED));
            assertEquals(2, calls.size());
        }
    }

    @Test
    @DisplayName("holds no lock meanwhile: a backing changes the space, and the call goes on with what is there then")
    void unlocked() {
        try (SpaceFixture fixture = new SpaceFixture()) {
            AddressSpace space = fixture.space;
            long[] at = new long[1];
            Noted second = new Noted("/b");
            at[0] = fixture.map(0, 2, READ, Mman.SHARED, second, 0);
            fixture.map(at[0], 1, READ, Mman.SHARED | Mman.FIXED, unmapping(space, at), 0);
            assertEquals(0, space.madvise(at[0], 2 * PAGE, Mman.WILLNEED));
            assertEquals(List.of("/a 0+1"), calls);
        }
    }

    private Noted unmapping(AddressSpace space, long[] at) {
        return new Noted("/a") {
            @Override
            public void willNeed(long offset, long length) {
                super.willNeed(offset, length);
                assertEquals(0, space.munmap(at[0] + PAGE, PAGE));
            }
        };
    }

    @Test
    @DisplayName("reports an exception of a backing, and goes on")
    void exception() {
        try (SpaceFixture fixture = new SpaceFixture()) {
            long at = fixture.map(0, 2, READ, Mman.SHARED, new Noted("/b"), 0);
            Noted failing = new Noted("/a") {
                @Override
                public void willNeed(long offset, long length) {
                    throw new IllegalStateException("on purpose");
                }
            };
            fixture.map(at, 1, READ, Mman.SHARED | Mman.FIXED, failing, 0);
            assertEquals(0, fixture.space.madvise(at, 2 * PAGE, Mman.WILLNEED));
            assertEquals(List.of("/b 1+1"), calls);
            assertEquals(1, fixture.reports.size());
            assertEquals(Report.Kind.CALLBACK_FAILED, fixture.reports.get(0).kind());
        }
    }
}
