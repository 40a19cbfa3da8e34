// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.scenario;

import dev.samara.interleave.instrument.Planting;
import dev.samara.interleave.instrument.SourceMutant;

/** A change of the production classes that is not a mutant: each operation divides its layout. */
public final class Divided {
    /** Does what the system property {@code samara.divided} does for all classes of a JVM. */
    public static final Planting AT_EACH_OPERATION = SourceMutant.of(
            "dev.samara.core.internal.space.ForcedDivision", "Boolean.getBoolean(\"samara.divided\")", "true");

    private Divided() {}
}
