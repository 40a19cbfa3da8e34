// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.guest;

import static dev.samara.core.fixture.SpaceFixture.ANONYMOUS;
import static dev.samara.core.fixture.SpaceFixture.EXEC;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.Cpu;
import dev.samara.core.backing.CachedBacking;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.FrameStore;
import dev.samara.core.vma.PageCache;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Each kind of access, within one page and across two, for each combination of the pages' rights and of the TLB's
 * content before the access.
 */
@Timeout(value = 300, threadMode = Timeout.ThreadMode.SAME_THREAD)
@DisplayName(
        "An access is made as a whole, or not at all with the fault and the address of the first page that forbids it")
class AccessTableTest {
    private static final long AT = 0x7000_0000L;
    private static final long SECOND = AT + PAGE;
    private static final long NUMBER = 0x8182_8384_8586_8788L;
    private static final long OTHER = 0x1112_1314_1516_1718L;
    private static final byte FILLED = 0x5a;
    private static final long FOUND = 0x5a5a_5a5a_5a5a_5a5aL;

    private final SpaceFixture fixture = new SpaceFixture();
    private final Cpu cpu = fixture.cpu;

    @AfterEach
    void end() {
        fixture.closeEmpty();
    }

    /** The kinds of access. */
    private enum Access {
        LOAD,
        FETCH,
        STORE,
        LOAD_VOLATILE,
        STORE_VOLATILE,
        EXCHANGE_EXPECTED,
        EXCHANGE_UNEXPECTED,
        SET_EXPECTED,
        SET_UNEXPECTED,
        ADD,
        SET,
        AND,
        OR,
        XOR;

        int make(Cpu cpu, long address, int size) {
            return switch (this) {
                case LOAD -> cpu.memory().load(address, size);
                case FETCH -> cpu.memory().fetch(address, size);
                case STORE -> cpu.memory().store(address, size, NUMBER);
                case LOAD_VOLATILE -> cpu.memory().loadVolatile(address, size);
                case STORE_VOLATILE -> cpu.memory().storeVolatile(address, size, NUMBER);
                case EXCHANGE_EXPECTED -> cpu.memory().compareAndExchange(address, size, FOUND, NUMBER);
                case EXCHANGE_UNEXPECTED -> cpu.memory().compareAndExchange(address, size, OTHER, NUMBER);
                case SET_EXPECTED -> cpu.memory().compareAndSet(address, size, FOUND, NUMBER);
                case SET_UNEXPECTED -> cpu.memory().compareAndSet(address, size, OTHER, NUMBER);
                case ADD -> cpu.memory().getAndAdd(address, size, NUMBER);
                case SET -> cpu.memory().getAndSet(address, size, NUMBER);
                case AND -> cpu.memory().getAndBitwiseAnd(address, size, NUMBER);
                case OR -> cpu.memory().getAndBitwiseOr(address, size, NUMBER);
                case XOR -> cpu.memory().getAndBitwiseXor(address, size, NUMBER);
            };
        }

        /** Returns what memory contains after a successful access, in as many bits as the access covers. */
        long left() {
            return switch (this) {
                case LOAD, FETCH, LOAD_VOLATILE, EXCHANGE_UNEXPECTED, SET_UNEXPECTED -> FOUND;
                case STORE, STORE_VOLATILE, EXCHANGE_EXPECTED, SET_EXPECTED, SET -> NUMBER;
                case ADD -> FOUND + NUMBER;
                case AND -> FOUND & NUMBER;
                case OR -> FOUND | NUMBER;
                case XOR -> FOUND ^ NUMBER;
            };
        }

        /** Returns the value that the memory reports as read after a successful access. */
        long value(int size, long before) {
            return switch (this) {
                case STORE, STORE_VOLATILE -> before;
                case SET_EXPECTED -> 1;
                case SET_UNEXPECTED -> 0;
                default -> FOUND & mask(size);
            };
        }

        boolean isAtomic() {
            return this != LOAD && this != FETCH && this != STORE;
        }

        boolean reads() {
            return this == LOAD || this == LOAD_VOLATILE;
        }
    }

    /** The rights of a page. */
    private enum Page {
        ALL,
        READ_ONLY,
        NONE,
        UNMAPPED;

        int fault(Access access) {
            return switch (this) {
                case ALL -> Fault.NONE;
                case READ_ONLY -> access.reads() ? Fault.NONE : Fault.ACCERR;
                case NONE -> Fault.ACCERR;
                case UNMAPPED -> Fault.MAPERR;
            };
        }

        boolean isReadable() {
            return this == ALL || this == READ_ONLY;
        }
    }

    private static long mask(int size) {
        return -1L >>> (Long.SIZE - size * Byte.SIZE);
    }

    /** Maps two pages with known bytes. The TLB contains neither page, or each readable one, for reading only. */
    private void lay(Page first, Page second, boolean isTranslated) {
        assertEquals(AT, fixture.map(AT, 2, RW | EXEC, ANONYMOUS | Mman.FIXED, null, 0));
        assertEquals(2 * PAGE, cpu.memory().fill(AT, 2 * PAGE, FILLED));
        // Also for pages that get all rights back: removes the right to write from entries and the TLB.
        assertEquals(0, fixture.space.mprotect(AT, 2 * PAGE, READ));
        Page[] pages = {first, second};
        for (int i = 0; i < pages.length; i++) {
            long at = AT + i * PAGE;
            switch (pages[i]) {
                case ALL -> assertEquals(0, fixture.space.mprotect(at, PAGE, RW | EXEC));
                case READ_ONLY -> assertEquals(Fault.NONE, cpu.memory().handleFault(at, READ));
                case NONE -> assertEquals(0, fixture.space.mprotect(at, PAGE, 0));
                case UNMAPPED -> assertEquals(0, fixture.space.munmap(at, PAGE));
            }
            if (isTranslated && pages[i].isReadable()) {
                assertEquals(Fault.NONE, cpu.memory().load(at + 64, 1));
            }
        }
    }

    /** Compares all bytes of the mapped pages. */
    private void assertBytes(String what, Page first, Page second, long from, int size, long number) {
        Page[] pages = {first, second};
        byte[] bytes = new byte[(int) PAGE];
        for (int i = 0; i < pages.length; i++) {
            if (pages[i] == Page.UNMAPPED) {
                continue;
            }
            long page = AT + i * PAGE;
            assertEquals(0, fixture.space.mprotect(page, PAGE, READ));
            assertEquals((int) PAGE, cpu.memory().copyOut(page, bytes, 0, (int) PAGE));
            for (int at = 0; at < PAGE; at++) {
                long in = page + at - from;
                byte expected = in >= 0 && in < size ? (byte) (number >>> (in * Byte.SIZE)) : FILLED;
                if (expected != bytes[at]) {
                    assertEquals(expected, bytes[at], what + ": byte 0x" + Long.toHexString(page + at));
                }
            }
        }
    }

    private void compare(Access access, int size, long offset, Page first, Page second, boolean isTranslated) {
        String what = String.format(
                Locale.ROOT,
                "%s of %d at offset %d, pages %s and %s, %s in the TLB",
                access,
                size,
                offset,
                first,
                second,
                isTranslated ? "what can be read" : "nothing");
        lay(first, second, isTranslated);
        boolean isSplit = offset + size > PAGE;
        int fault = first.fault(access);
        long where = AT + offset;
        if (access.isAtomic() && isSplit) {
            fault = Fault.ADRALN;
        } else if (fault == Fault.NONE && isSplit) {
            fault = second.fault(access);
            where = SECOND;
        }
        long before = cpu.memory().value();
        int result = access.make(cpu, AT + offset, size);
        assertEquals(Fault.toString(fault), Fault.toString(result), what);
        boolean isDone = fault == Fault.NONE;
        if (!isDone) {
            assertEquals(where, cpu.memory().faultAddress(), what);
        }
        assertEquals(isDone ? access.value(size, before) : before, cpu.memory().value(), what);
        assertBytes(what, first, second, AT + offset, size, isDone ? access.left() : FOUND);
    }

    @ParameterizedTest
    @EnumSource
    void inOnePage(Access access) {
        for (int size : new int[] {1, 2, 4, 8}) {
            for (Page page : Page.values()) {
                compare(access, size, 256, page, Page.ALL, false);
                compare(access, size, 256, page, Page.ALL, true);
                compare(access, size, PAGE - size, page, Page.NONE, true);
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void acrossTwo(Access access) {
        for (int size : new int[] {2, 4, 8}) {
            for (Page first : Page.values()) {
                for (Page second : Page.values()) {
                    compare(access, size, PAGE - size / 2, first, second, false);
                    compare(access, size, PAGE - size / 2, first, second, true);
                }
            }
        }
    }

    @Test
    @DisplayName("a store across two pages marks the second written, also if that was collected during the first one's"
            + " fault")
    void collectedMeanwhile() {
        List<Long> told = new ArrayList<>();
        PageCache cache = fixture.machine.newPageCache(SpaceFixture.GEOMETRY, PAGE);
        CachedBacking collecting = new CachedBacking("/collecting", cache) {
            @Override
            protected boolean read(long page, int frame, FrameStore store) {
                assertEquals(1, fixture.space.collectDirty(SECOND, PAGE, told::add));
                return true;
            }
        };
        fixture.map(AT, 1, RW, Mman.SHARED | Mman.FIXED, collecting, 0);
        fixture.map(SECOND, 1, RW, ANONYMOUS | Mman.FIXED, null, 0);
        fixture.store(SECOND + 64, 1);
        assertEquals(Fault.NONE, cpu.memory().store(SECOND - 4, 8, NUMBER));
        assertEquals(List.of(SECOND), told, "collected during the fault");
        assertEquals(2, fixture.space.collectDirty(AT, 2 * PAGE, told::add));
        assertEquals(List.of(SECOND, AT, SECOND), told);
        assertEquals(NUMBER, fixture.load(SECOND - 4));
        cache.remove(0, 1);
    }
}
