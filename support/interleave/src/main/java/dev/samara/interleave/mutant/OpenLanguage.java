// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.mutant;

import dev.samara.testing.live.Language;
import java.io.IOException;

/**
 * A language together with the machine or kernel on which its scripts run. It is used by one thread. The class must be
 * public, with a constructor that takes a directory, so that a class loader with a mutated library can load and open
 * it.
 */
public interface OpenLanguage extends AutoCloseable {
    /** Returns the language, which may be used until this object is closed. */
    Language<?, ?> language();

    @Override
    void close() throws IOException;
}
