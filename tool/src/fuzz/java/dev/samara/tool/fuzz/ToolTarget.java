// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.fuzz;

import dev.samara.testing.fuzz.FuzzTarget;
import java.io.IOException;
import java.util.List;

/** The parsers of the tool. */
public enum ToolTarget implements FuzzTarget {
    /** Recorded traces, which are parsed and replayed. */
    TRACE(TraceFuzzer.class),
    /** Recorded random operations, which are parsed and executed. */
    ORACLE(OracleFuzzer.class);

    private final Class<?> driver;

    ToolTarget(Class<?> driver) {
        this.driver = driver;
    }

    @Override
    public Class<?> driver() {
        return driver;
    }

    @Override
    public void accept(byte[] input) throws Exception {
        switch (this) {
            case TRACE -> TraceFuzzer.fuzzerTestOneInput(input);
            case ORACLE -> OracleFuzzer.fuzzerTestOneInput(input);
        }
    }

    @Override
    public List<byte[]> seeds() throws IOException {
        return switch (this) {
            case TRACE -> TraceFuzzer.seeds();
            case ORACLE -> OracleFuzzer.seeds();
        };
    }
}
