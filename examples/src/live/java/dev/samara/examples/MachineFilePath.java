// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples;

import static java.util.Objects.requireNonNull;

import dev.samara.core.Machine;
import dev.samara.core.mman.MmException;
import dev.samara.core.vma.Geometry;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.h2.store.fs.FilePathWrapper;
import org.jspecify.annotations.Nullable;

/** Files of H2 on host files of a machine, with the names {@code machine:PATH}. H2 creates the objects. */
public final class MachineFilePath extends FilePathWrapper {
    /** Whose files are opened from now on. */
    static @Nullable Machine machine;

    private static final OpenOption[] READ = {StandardOpenOption.READ};
    private static final OpenOption[] WRITE = {
        StandardOpenOption.READ, StandardOpenOption.WRITE, StandardOpenOption.CREATE
    };

    @Override
    public String getScheme() {
        return "machine";
    }

    @Override
    public FileChannel open(String mode) throws IOException {
        try {
            return requireNonNull(machine)
                    .openFile(Path.of(getBase().toString()), Geometry.LINUX_X86_64, mode.equals("r") ? READ : WRITE)
                    .channel();
        } catch (MmException refused) {
            throw new IOException(refused);
        }
    }
}
