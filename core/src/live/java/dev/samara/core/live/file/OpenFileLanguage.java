// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.file;

import dev.samara.interleave.mutant.OpenLanguage;
import dev.samara.testing.live.Language;
import java.io.IOException;
import java.nio.file.Path;

/** The language of files, with the file systems and judges that it needs. */
public final class OpenFileLanguage implements OpenLanguage {
    private final Arena arena;
    private final FileLanguage language;

    public OpenFileLanguage(Path folder) throws IOException {
        arena = Arena.of(folder);
        language = new FileLanguage(arena);
    }

    @Override
    public Language<?, ?> language() {
        return language;
    }

    @Override
    public void close() throws IOException {
        arena.close();
    }
}
