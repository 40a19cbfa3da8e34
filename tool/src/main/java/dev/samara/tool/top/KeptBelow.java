// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.top;

import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.util.List;

/** The output of a guest below a view: the last lines while the view is shown, and all kept output after its end. */
public final class KeptBelow implements BelowView {
    private final KeptOutput kept;
    private final int columns;
    private final PrintWriter errors;
    private final OutputStream terminal;

    /**
     * Creates the output below a view.
     *
     * @param kept the output
     * @param columns the maximum length of a line below the view in characters
     * @param errors receives at the end a message about output that was lost
     * @param terminal receives at the end the kept output
     */
    public KeptBelow(KeptOutput kept, int columns, PrintWriter errors, OutputStream terminal) {
        this.kept = kept;
        this.columns = columns;
        this.errors = errors;
        this.terminal = terminal;
    }

    @Override
    public List<String> lines(int count) {
        return kept.lastLines(count, columns);
    }

    @Override
    public void end() {
        try {
            kept.writeTo(terminal, this::tellLost);
        } catch (IOException gone) {
            throw new UncheckedIOException("the output of the guest cannot be printed", gone);
        }
    }

    private void tellLost(long lost) {
        errors.println("samara: the guest has written " + lost + " bytes before; --output FILE keeps all");
        errors.flush();
    }
}
