package dev.samara.core.live;
import java.nio.file.*;
final class LiveMain {
    public static void main(String[] args) throws Exception {
        long seconds = Long.parseLong(args[0]);
        long seed = Long.parseLong(args[1]);
        int most = args.length > 2 ? Integer.parseInt(args[2]) : 1;
        Path dir = Files.createTempDirectory("live");
        java.util.Map<String,Integer> kinds = new java.util.TreeMap<>();
        try (Comparison c = new Comparison(new Worlds(dir))) {
            LiveRun run = new LiveRun(c);
            long end = System.nanoTime() + seconds * 1_000_000_000L;
            int found = 0;
            while (System.nanoTime() < end && found < most) {
                Difference d;
                try { d = run.run(seed); } catch (RuntimeException e) { System.out.println("SEED " + seed); throw e; }
                if (d != null) {
                    int n = kinds.merge(d.kind() + d.script().watch(), 1, Integer::sum);
                    if (n > 2) { seed++; continue; }
                    found++;
                    System.out.println("=== seed " + seed + " " + d.kind() + " at " + d.index());
                    if (Boolean.getBoolean("raw")) System.out.println(d);
                    System.out.println(Shrinker.shrink(c, d, 20_000_000_000L));
                }
                seed++;
            }
            System.out.println(run.counts() + " next seed " + seed + " " + kinds);
            if (Boolean.getBoolean("pairs")) System.out.println(run.pairs().counts());
        }
    }
}
