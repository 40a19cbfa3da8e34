// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.rule;

import dev.samara.testing.live.Language;
import java.io.IOException;

/**
 * A language with what its scripts run on, for a thread that is given a CPU. Its class is public, with a constructor
 * for a folder of files, so that a class loader with a broken library opens one of its own.
 */
public interface OpenLanguage extends AutoCloseable {
    /** Returns the language, until the close. */
    Language<?, ?> language();

    @Override
    void close() throws IOException;
}
