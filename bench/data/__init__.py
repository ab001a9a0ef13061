"""What a run reads: data sets, their statistics, graphs and batches."""
