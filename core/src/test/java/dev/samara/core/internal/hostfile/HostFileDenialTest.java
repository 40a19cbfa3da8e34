// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.WRITE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.samara.core.backing.HostFile;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.MmException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(OneThread.class)
@DisplayName("While writing to a file of the host is denied")
final class HostFileDenialTest extends HostFileFixture {
    private static Errno refusal(HostFile file) {
        return assertThrows(MmException.class, file::denyWrites).errno();
    }

    @Test
    @DisplayName("no path opens it for writing, until the last denial is closed")
    void denied() throws IOException {
        Path path = write("f", PAGE_BYTES);
        Path link = Files.createLink(folder.resolve("link"), path);
        HostFile file = open(path);
        HostFile.WriteDenial first = file.denyWrites();
        HostFile.WriteDenial second = file.denyWrites();
        assertRefused(Errno.ETXTBSY, path, RW);
        assertRefused(Errno.ETXTBSY, link, RW);
        open(path).close();
        first.close();
        first.close();
        assertRefused(Errno.ETXTBSY, path, RW);
        second.close();
        open(path, RW).close();
        file.close();
    }

    @Test
    @DisplayName("its open is in use, also after the close of its owner")
    void closedByOwner() throws IOException {
        Path path = write("f", PAGE_BYTES);
        HostFile file = open(path);
        HostFile.WriteDenial denial = file.denyWrites();
        file.close();
        assertEquals(1, channels.open.get());
        assertRefused(Errno.ETXTBSY, path, RW);
        assertEquals(Errno.EBADF, refusal(file));
        denial.close();
        assertEquals(0, channels.open.get());
        open(path, RW).close();
    }

    @Test
    @DisplayName("there is no writer: a denial is ETXTBSY while an open for writing or its mapping is in use")
    void writers() throws Exception {
        Path path = write("f", PAGE_BYTES);
        HostFile reader = open(path);
        HostFile writer = open(path, RW);
        assertEquals(Errno.ETXTBSY, refusal(reader));
        assertEquals(Errno.ETXTBSY, refusal(writer));
        long at = fixture.map(0, 1, READ | WRITE, MapFlags.SHARED, writer, 0);
        writer.close();
        assertEquals(Errno.ETXTBSY, refusal(reader));
        assertEquals(0, space.munmap(at, PAGE));
        fixture.machine.awaitQuiescence();
        reader.denyWrites().close();
        reader.close();
    }
}
