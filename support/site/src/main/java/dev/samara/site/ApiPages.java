// SPDX-License-Identifier: Apache-2.0
package dev.samara.site;

import java.nio.file.Path;
import java.util.spi.ToolProvider;

/** The javadoc of the two published modules, with one index and one search. */
final class ApiPages {
    private ApiPages() {}

    /**
     * Writes the pages with the JDK's javadoc tool.
     *
     * @param libraries the dependencies of the modules, as a module path
     */
    static void write(Path root, Path output, String libraries) {
        ToolProvider javadoc = ToolProvider.findFirst("javadoc")
                .orElseThrow(() -> new IllegalStateException("no javadoc tool: a JDK is needed, not only a JVM"));
        int status = javadoc.run(
                System.out,
                System.err,
                "-quiet",
                "-notimestamp",
                "-Xdoclint:none", // not checked here, because the build of each module checks its comments
                "-encoding",
                "UTF-8",
                "-docencoding",
                "UTF-8",
                "-windowtitle",
                "Samara",
                "-doctitle",
                "Samara: the range tree and the address space",
                "-bottom",
                "<a href=\"{@docRoot}/../index.html\">Samara</a>",
                "--module-source-path",
                "dev.samara.maple=" + root.resolve("maple/src/main/java"),
                "--module-source-path",
                "dev.samara.core=" + root.resolve("core/src/main/java"),
                "--module-path",
                libraries,
                "--module",
                "dev.samara.maple,dev.samara.core",
                "-d",
                output.toString());
        if (status != 0) {
            throw new IllegalStateException("javadoc ended with status " + status);
        }
    }
}
