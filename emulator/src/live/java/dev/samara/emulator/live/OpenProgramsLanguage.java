// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.live;

import dev.samara.interleave.mutant.OpenLanguage;
import dev.samara.testing.live.Language;
import java.io.IOException;
import java.nio.file.Path;

/** The language of system calls, with its judges. */
public final class OpenProgramsLanguage implements OpenLanguage {
    /**
     * A mutant of the emulator often hangs. The first trial shows whether a script that took this long differs at all.
     */
    private static final int SECONDS = 10;

    private final ProgramsLanguage language;

    public OpenProgramsLanguage(Path folder) throws IOException {
        language = new ProgramsLanguage(folder, SECONDS);
    }

    @Override
    public Language<?, ?> language() {
        return language;
    }

    @Override
    public void close() throws IOException {
        language.close();
    }
}
