// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.backing;

import static dev.samara.core.fixture.SpaceFixture.GEOMETRY;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.OtherCpu;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MapFlags;
import java.io.EOFException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(OneThread.class)
@DisplayName("Numbers in a file of the host")
final class HostFileNumbersTest {
    private final SpaceFixture fixture = new SpaceFixture();

    private HostFile open(int bytes) {
        return fixture.machine.openFile("numbers", GEOMETRY, ByteBuffer.allocate(bytes));
    }

    @Test
    @DisplayName("of each size are little-endian, at any offset, also across pages")
    void sizes() throws IOException {
        try (HostFile file = open(2 * (int) PAGE)) {
            for (long at : new long[] {0, 3, PAGE - 8, PAGE - 3, 2 * PAGE - 8}) {
                file.putLong(at, 0x8877_6655_4433_2211L);
                assertEquals(0x8877_6655_4433_2211L, file.getLong(at));
                assertEquals(0x4433_2211, file.getInt(at));
                assertEquals(0x8877_6655, file.getInt(at + 4));
                assertEquals(0x2211, file.getShort(at));
                assertEquals((short) 0x8877, file.getShort(at + 6));
                assertEquals(0x11, file.getByte(at));
                assertEquals((byte) 0x88, file.getByte(at + 7));
                file.putInt(at + 4, -1);
                file.putShort(at + 2, (short) -2);
                file.putByte(at + 1, (byte) -3);
                assertEquals(0xffff_ffff_fffe_fd11L, file.getLong(at));
                file.putLong(at, 0);
            }
        }
        fixture.close();
    }

    @Test
    @DisplayName("are those that a mapping has, and need no CPU")
    void mapping() throws IOException {
        try (HostFile file = open((int) PAGE)) {
            long at = fixture.map(0, 1, RW, MapFlags.SHARED, file, 0);
            fixture.store(at + 8, 5);
            assertEquals(5, file.getLong(8));
            Thread other = new Thread(() -> {
                try {
                    file.putLong(8, file.getLong(8) + 1);
                } catch (IOException failed) {
                    throw new UncheckedIOException(failed);
                }
            });
            other.start();
            join(other);
            assertEquals(6, fixture.load(at + 8));
        }
        fixture.close();
    }

    private static void join(Thread thread) {
        try {
            thread.join();
        } catch (InterruptedException interrupted) {
            throw new AssertionError(interrupted);
        }
    }

    @Test
    @DisplayName("beyond the end, of a closed file, and in GUEST are no numbers; each error has its errno")
    void errors() {
        HostFile file = open(12);
        assertThrows(EOFException.class, () -> file.getLong(8));
        assertThrows(EOFException.class, () -> file.getByte(12));
        assertEquals(
                Errno.EINVAL,
                assertThrows(HostFileException.class, () -> file.getInt(-4)).errno());
        try (OtherCpu other = new OtherCpu(fixture.space)) {
            other.call(cpu -> {
                cpu.enterGuest();
                assertThrows(IllegalStateException.class, () -> file.getLong(0));
                assertThrows(IllegalStateException.class, () -> file.putLong(0, 1));
                cpu.leaveGuest();
                return 0;
            });
        }
        file.close();
        assertEquals(
                Errno.EBADF,
                assertThrows(HostFileException.class, () -> file.getLong(0)).errno());
        assertEquals(
                Errno.EBADF,
                assertThrows(HostFileException.class, () -> file.putByte(0, (byte) 1))
                        .errno());
        HostFile readOnly = fixture.machine.openFile(
                "constants", GEOMETRY, ByteBuffer.allocate(8).asReadOnlyBuffer());
        assertEquals(
                Errno.EBADF,
                assertThrows(HostFileException.class, () -> readOnly.putInt(0, 1))
                        .errno());
        readOnly.close();
        fixture.close();
    }
}
