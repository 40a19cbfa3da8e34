// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.live;

import dev.samara.examples.riscv.linux.CodeExecution;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** Looks for differences for some seconds, and prints one of each kind. */
public final class Hunt {
    private Hunt() {}

    public static void main(String[] arguments) throws Exception {
        Path folder = Files.createTempDirectory("live");
        try (Comparison comparison =
                new Comparison(folder, CodeExecution.valueOf(System.getProperty("execution", "INTERPRETED")))) {
            if (arguments[0].equals("run")) {
                for (int i = 1; i < arguments.length; i++) {
                    Comparison.Difference found =
                            comparison.run(ScriptText.parse(Files.readString(Path.of(arguments[i]))));
                    System.out.println(arguments[i] + ": " + (found == null ? "equal" : found.kind() + "\n" + found));
                }
                return;
            }
            long start = System.nanoTime();
            long end = System.nanoTime() + Long.parseLong(arguments[0]) * 1_000_000_000L;
            Map<String, Integer> kinds = new TreeMap<>();
            long seed = Long.parseLong(arguments[1]);
            long first = seed;
            while (System.nanoTime() < end) {
                List<List<Step>> scripts = new ArrayList<>();
                for (int i = 0; i < Integer.getInteger("batch", 25); i++) {
                    scripts.add(ScriptMaker.make(seed + i));
                }
                for (Comparison.Difference found : comparison.runAll(scripts)) {
                    if (found != null && kinds.merge(found.kind(), 1, Integer::sum) == 1) {
                        System.out.println("== " + found.kind() + ", seed " + (seed + scripts.indexOf(found.script())));
                        System.out.println("-- found after " + (System.nanoTime() - start) / 1_000_000_000L + " s");
                        System.out.println(
                                Boolean.getBoolean("shrink") ? new Shrinker(comparison, 150).shrink(found) : found);
                        if (Boolean.getBoolean("first")) {
                            return;
                        }
                    }
                }
                seed += scripts.size();
                System.out.println("-- " + seed + " after " + (System.nanoTime() - start) / 1_000_000_000L + " s");
            }
            System.out.println(comparison.pairs().all());
            System.out.println(kinds);
            System.out.println(
                    (seed - first) + " seeds, " + comparison.scripts() + " scripts, " + comparison.operations()
                            + " operations, " + comparison.pairs().all().size() + " pairs");
        }
    }
}
