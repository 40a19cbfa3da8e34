// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.lucene;

import static java.util.Objects.requireNonNull;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.vma.Geometry;
import java.io.IOException;
import java.nio.file.Path;
import org.apache.lucene.store.Directory;
import org.apache.lucene.tests.store.BaseDirectoryTestCase;
import org.jspecify.annotations.Nullable;
import org.junit.AfterClass;
import org.junit.BeforeClass;

/** Lucene's own tests of a directory, with room for {@link #pages} pages of its files. */
public abstract class LuceneDirectorySuite extends BaseDirectoryTestCase {
    private static final long MEMORY = 256 << 20;

    /** The limit of the page cache, in pages of 4 KiB. */
    static int pages = 64;

    private static @Nullable Machine machine;
    private static @Nullable AddressSpace space;

    /** Inputs that read by calls. */
    public static final class ByCalls extends LuceneDirectorySuite {
        @BeforeClass
        public static void open() {
            machine = newMachine();
        }
    }

    /** Inputs that read from mappings. */
    public static final class ByMappings extends LuceneDirectorySuite {
        @BeforeClass
        public static void open() {
            machine = newMachine();
            space = machine.newSpace(Geometry.LINUX_X86_64);
        }
    }

    private static Machine newMachine() {
        return Machine.builder()
                .memory(MEMORY)
                .cacheLimit(pages * 4096L)
                .forceOnClose(false)
                .build();
    }

    /** Closes everything. Lucene checks afterwards that no thread is left. */
    @AfterClass
    public static void close() {
        if (space != null) {
            space.close();
            space = null;
        }
        if (machine != null) {
            machine.close();
            machine = null;
        }
    }

    @Override
    protected Directory getDirectory(Path path) throws IOException {
        return new LuceneDirectory(path, requireNonNull(machine), space);
    }
}
