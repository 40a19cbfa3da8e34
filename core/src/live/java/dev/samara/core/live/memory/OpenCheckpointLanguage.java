// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.memory;

import dev.samara.interleave.mutant.OpenLanguage;
import dev.samara.testing.live.Language;
import java.nio.file.Path;

/** The language of checkpoints, with the machine that it needs. */
public final class OpenCheckpointLanguage implements OpenLanguage {
    private final CheckpointLanguage language = new CheckpointLanguage();

    public OpenCheckpointLanguage(Path folder) {
        // Uses no file.
    }

    @Override
    public Language<?, ?> language() {
        return language;
    }

    @Override
    public void close() {
        language.close();
    }
}
