// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.guest;

import static dev.samara.core.fixture.SpaceFixture.ANONYMOUS;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static dev.samara.core.fixture.SpaceFixture.WRITE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import dev.samara.core.AddressSpace;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(OneThread.class)
@DisplayName("The key of a futex word")
final class FutexKeyTest {
    private final SpaceFixture fixture = new SpaceFixture();
    private final GuestMemory memory = fixture.memory;

    @AfterEach
    void everyFrameComesBack() throws InterruptedException {
        fixture.closeEmpty();
        assertEquals(List.of(), fixture.reports);
    }

    private FutexKey key(long address, boolean isShared) {
        return Objects.requireNonNull(memory.futexKey(address, isShared, READ));
    }

    private void refused(int why, long address, boolean isShared, int access) {
        assertNull(memory.futexKey(address, isShared, access));
        assertEquals(why, memory.fault());
        assertEquals(address, memory.faultAddress());
    }

    @Test
    @DisplayName("equals those with the same kind, page size, object and place")
    void equality() {
        FutexKey key = new FutexKey(FutexKey.Kind.FILE, 4096, 1L << 40, 1L << 41);
        FutexKey same = new FutexKey(FutexKey.Kind.FILE, 4096, 1L << 40, 1L << 41);
        assertEquals(key, same);
        assertEquals(key.hashCode(), same.hashCode());
        List<Object> others = List.of(
                new FutexKey(FutexKey.Kind.SPACE, 4096, 1L << 40, 1L << 41),
                new FutexKey(FutexKey.Kind.FILE, 8192, 1L << 40, 1L << 41),
                new FutexKey(FutexKey.Kind.FILE, 4096, 1L << 39, 1L << 41),
                new FutexKey(FutexKey.Kind.FILE, 4096, 1L << 40, 1L << 42),
                "key");
        others.forEach(other -> assertNotEquals(key, other));
    }

    @Test
    @DisplayName("is the address of a private word, whatever is mapped there")
    void privateWords() {
        long at = fixture.anonymous(1);
        assertEquals(key(at + 4, false), key(at + 4, false));
        assertNotEquals(key(at, false), key(at + 4, false));
        assertEquals(FutexKey.Kind.PRIVATE, key(0x10, false).kind());
        AddressSpace child = fixture.space.fork();
        FutexKey parents = key(at, false);
        fixture.cpu.switchTo(child);
        assertNotEquals(parents, key(at, false));
        fixture.cpu.switchTo(fixture.space);
        assertEquals(parents, key(at, false));
        child.close();
    }

    @Test
    @DisplayName("of private memory differs between calls with FUTEX_PRIVATE_FLAG and without")
    void flags() {
        long at = fixture.anonymous(1);
        assertEquals(FutexKey.Kind.SPACE, key(at, true).kind());
        assertNotEquals(key(at, false), key(at, true));
        assertEquals(key(at, true), key(at, true));
    }

    @Test
    @DisplayName("is the offset in a file, through every mapping and in every space")
    void files() {
        MemoryFile file = fixture.file(3);
        long one = fixture.map(0, 3, RW, Mman.SHARED, file.open(), 0);
        long other = fixture.map(0, 2, READ, Mman.SHARED, file.open(), 1);
        FutexKey known = key(one + 2 * PAGE + 8, true);
        assertEquals(new FutexKey(FutexKey.Kind.FILE, (int) PAGE, known.object(), 2 * PAGE + 8), known);
        assertEquals(known, key(other + PAGE + 8, true));
        AddressSpace child = fixture.space.fork();
        fixture.cpu.switchTo(child);
        assertEquals(known, key(one + 2 * PAGE + 8, true));
        fixture.cpu.switchTo(fixture.space);
        child.close();
        long anonymous = fixture.map(0, 1, RW, Mman.SHARED | Mman.ANONYMOUS, null, 0);
        assertEquals(FutexKey.Kind.FILE, key(anonymous + 8, true).kind());
        assertNotEquals(key(anonymous + 8, true), key(one + 8, true));
        fixture.space.munmap(one, 3 * PAGE);
        fixture.space.munmap(other, 2 * PAGE);
        file.close();
    }

    @Test
    @DisplayName("of a private mapping is that of the file while the page cannot be written, and a copy makes its own")
    void privateFiles() {
        MemoryFile file = fixture.file(1);
        long shared = fixture.map(0, 1, RW, Mman.SHARED, file.open(), 0);
        long fixed = fixture.map(0, 1, READ, Mman.PRIVATE, file.open(), 0);
        long copied = fixture.map(0, 1, RW, Mman.PRIVATE, file.open(), 0);
        assertEquals(key(shared, true), key(fixed, true));
        refused(Fault.ACCERR, fixed, true, WRITE);
        assertEquals(FutexKey.Kind.SPACE, key(copied, true).kind());
        assertEquals(0, fixture.space.mprotect(copied, PAGE, READ));
        refused(Fault.ACCERR, copied, true, READ);
        for (long each : List.of(shared, fixed, copied)) {
            fixture.space.munmap(each, PAGE);
        }
        file.close();
    }

    @Test
    @DisplayName("does not exist where the address is wrong")
    void wrong() {
        long at = fixture.anonymous(1);
        refused(Fault.ADRALN, at + 2, false, READ);
        refused(Fault.ADRALN, 1, true, READ);
        refused(Fault.MAPERR, -4, false, READ);
        refused(Fault.MAPERR, SpaceFixture.GEOMETRY.limit(), false, READ);
        refused(Fault.MAPERR, 0x2_0000, true, READ);
        long zeros = fixture.map(0, 1, READ, ANONYMOUS, null, 0);
        refused(Fault.ACCERR, zeros, true, READ);
        assertEquals(FutexKey.Kind.PRIVATE, key(zeros, false).kind());
    }
}
