// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.SpaceImage;
import java.io.IOException;
import java.nio.file.Files;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

class ImageBenchmarkTest {
    private static final int CALLS = 3;

    private final ImageBenchmark benchmark = new ImageBenchmark();

    @Test
    @DisplayName("a save and the file beside it have the bytes of the space, and are deleted at the end")
    void saves() throws IOException {
        ImageBenchmark.Unsaved space = new ImageBenchmark.Unsaved();
        space.mib = 1;
        space.setUp();
        benchmark.save(space);
        benchmark.writeFile(space);
        assertEquals(1 << 20, Files.size(space.space.file("written")));
        assertTrue(Files.size(space.space.file("saved")) > 1 << 20);
        space.tearDown();
        assertFalse(Files.exists(space.space.folder));
    }

    @Test
    @DisplayName("each increment has the pages that were written before it")
    void increments() throws IOException {
        ImageBenchmark.Increments space = new ImageBenchmark.Increments();
        space.mib = 1;
        space.pages = 10;
        space.setUp();
        for (int i = 0; i < CALLS; i++) {
            space.write();
            benchmark.increment(space);
            long size = Files.size(space.space.file("increment"));
            assertTrue(size > 10 * FilledSpace.PAGE && size < 14 * FilledSpace.PAGE, size + " bytes");
            space.advance();
        }
        space.tearDown();
    }

    @Test
    @DisplayName("a chain is opened and closed")
    void opens() throws IOException {
        ImageBenchmark.Closed files = new ImageBenchmark.Closed();
        files.mib = 1;
        files.increments = 2;
        files.setUp();
        for (int i = 0; i < CALLS; i++) {
            SpaceImage image = benchmark.open(files);
            image.verify();
            files.close();
            assertThrows(
                    IllegalStateException.class,
                    () -> image.load(files.chain.space.filled.machine.space(FilledSpace.GEOMETRY)));
        }
        files.tearDown();
    }

    @Test
    @DisplayName("a new space of a chain reads 40 pages of the files, and writes 10 of them")
    void newSpaces() throws IOException {
        ImageBenchmark.Loaded image = new ImageBenchmark.Loaded();
        image.mib = 1;
        image.span = 256;
        image.increments = 2;
        image.setUp();
        for (int i = 0; i < CALLS; i++) {
            long before = image.chain.space.filled.machine.statistics().copiesOnWrite();
            benchmark.newSpace(image);
            assertEquals(10, image.chain.space.filled.machine.statistics().copiesOnWrite() - before);
            image.closeSpace();
        }
        image.tearDown();
    }
}
